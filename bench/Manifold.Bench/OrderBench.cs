using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using Manifold.Recipes;
using static TorchSharp.torch;

namespace Manifold.Bench;

/// <summary>Training steps of models of order.</summary>
internal static class OrderBench
{
    /// <summary>As bench/peers/gated_pixelcnn_step.py takes it.</summary>
    public static Work Gated() => Step((PixelRecipe)GatedPixelCnnRecipe.Entry.Default, full([64, 1, 28, 28], 0.3f).bernoulli());

    /// <summary>As bench/peers/pixelcnn_pp_step.py takes it.</summary>
    public static Work Plus() => Step((PixelRecipe)PixelCnnPlusRecipe.Entry.Default, randint(0, 256, [16, 3, 32, 32]).to_type(ScalarType.Float32) / 255);

    private static Work Step(PixelRecipe recipe, Tensor x)
    {
        manual_seed(0);
        int size = (int)x.shape[0], channels = (int)x.shape[1], height = (int)x.shape[2], width = (int)x.shape[3];
        var algorithm = (recipe with { Trainer = recipe.Trainer with { BatchSize = size } }).Build(new DataFacts("made up", "", channels, height, width, size, size, size), CPU).Algorithm;
        var batch = new Batch(x);
        using var table = new LayerTable(algorithm.Networks);
        using (NewDisposeScope()) algorithm.Step(batch, 0);
        return new(() =>
        {
            using var scope = NewDisposeScope();
            algorithm.Step(batch, 0);
        }, 6 * table.MultiplyAdds);
    }
}
