using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using Manifold.Objectives;
using Manifold.Recipes;
using static TorchSharp.torch;

namespace Manifold.Bench;

/// <summary>Steps of games.</summary>
internal static class GanBench
{
    /// <summary>As bench/peers/dcgan_step.py takes it.</summary>
    public static Work Step(GameKind game)
    {
        const int size = 32;
        manual_seed(0);
        var recipe = (GanRecipe)(game == GameKind.WassersteinGp ? GanRecipe.WganGp : GanRecipe.Dcgan).Default;
        var whole = recipe with { Model = recipe.Model with { Width = 64 }, Objective = recipe.Objective with { DiscriminatorSteps = 1 }, Trainer = recipe.Trainer with { BatchSize = size }, Generator = new() { LearningRate = 2e-4, Beta1 = 0.5 }, Discriminator = new() { LearningRate = 2e-4, Beta1 = 0.5 } };
        var algorithm = whole.Build(new DataFacts("made up", "", 3, 64, 64, size, size, size), CPU).Algorithm;
        foreach (var network in algorithm.Networks.Values) network.train();
        var batch = new Batch(rand([size, 3, 64, 64]) * 2 - 1);
        using var table = new LayerTable(algorithm.Networks);
        using (NewDisposeScope()) algorithm.Step(batch, 0);
        return new(() =>
        {
            using var scope = NewDisposeScope();
            algorithm.Step(batch, 0);
        }, 2 * table.Layers.Sum(layer => layer.TrainingMultiplyAdds));
    }
}
