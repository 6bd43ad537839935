using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using Manifold.Recipes;
using Manifold.Training;
using static TorchSharp.torch;

namespace Manifold.Bench;

/// <summary>The recipe `vae`: its step alone, as bench/peers/mlp_vae_step.py takes it, and its step as training takes it.</summary>
internal static class VaeBench
{
    private const int Size = 128;
    private static readonly VaeRecipe recipe = (VaeRecipe)VaeRecipe.Vae.Default;

    // Multiply-adds of an example: every layer forward, every layer's weights, and every layer's inputs but the picture.
    private const double Products = 3 * (784 * 400 + 400 * 40 + 20 * 400 + 400 * 784) - 784 * 400;

    public static double StepFlops => 2 * Products * Size;

    public static Work Step()
    {
        manual_seed(0);
        var algorithm = recipe.Build(new DataFacts("coins", "", 1, 28, 28, Size, Size, Size), CPU).Algorithm;
        var batch = new Batch(full([Size, 1, 28, 28], 0.3f).bernoulli());
        return new(() =>
        {
            using var scope = NewDisposeScope();
            algorithm.Step(batch, 0);
        }, StepFlops);
    }

    /// <summary>The networks that PixelVAE uses on MNIST, as bench/peers/conv_vae_step.py takes them.</summary>
    public static Work ConvStep()
    {
        const int size = 64;
        manual_seed(0);
        var conv = recipe with { Model = new VaeSettings { Network = Network.Conv, LatentDim = 32 }, Trainer = recipe.Trainer with { BatchSize = size } };
        var algorithm = conv.Build(new DataFacts("coins", "", 1, 28, 28, size, size, size), CPU).Algorithm;
        var batch = new Batch(full([size, 1, 28, 28], 0.3f).bernoulli());
        using var table = new LayerTable(algorithm.Networks);
        using (NewDisposeScope()) algorithm.Step(batch, 0);
        return new(() =>
        {
            using var scope = NewDisposeScope();
            algorithm.Step(batch, 0);
        }, 6 * table.MultiplyAdds);
    }

    public static Work Training()
    {
        manual_seed(0);
        var data = DataSet.Open(recipe.Data);
        var plan = recipe.Build(DataFacts.Of(data), CPU);
        var ema = new Ema(plan.Algorithm.Networks["model"], recipe.Trainer.EmaHalfLife);
        var prefetch = new Prefetch(data.Train.Shuffled(0, recipe.Range));
        long seen = 0;
        return new(() =>
        {
            using var scope = NewDisposeScope();
            manual_seed(Seeds.At(0, seen));
            plan.Algorithm.Step(prefetch.At(seen, Size), seen);
            ema.Update(Size, seen);
            seen += Size;
        }, StepFlops, () => $"{prefetch.Stalls} stalls in {seen / Size:N0} steps, {prefetch.Waited.TotalMilliseconds:F1} ms waited in all");
    }
}
