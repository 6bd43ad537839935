using Manifold.Data;
using Manifold.Engine;
using static TorchSharp.torch;

namespace Manifold.Recipes;

/// <summary>What a recipe's step does, seen by taking one on networks made for the purpose: layers, parameters, multiply-adds.</summary>
/// <param name="Batch">Examples in the step.</param>
/// <param name="Parameters">Numbers in all networks.</param>
/// <param name="OptimizerState">Numbers that the optimizers keep.</param>
public sealed record Workload(IReadOnlyCollection<Layer> Layers, int Batch, long Parameters, long OptimizerState)
{
    /// <summary>Multiply-adds of all forward passes of a step, for each example.</summary>
    public long MultiplyAdds => Layers.Sum(layer => layer.MultiplyAdds) / Batch;

    /// <summary>Floating-point operations to train on one example: two for a multiply-add, forward and back to the inputs and weights that want a gradient.</summary>
    public long TrainingFlops => Layers.Sum(layer => layer.TrainingMultiplyAdds) * 2 / Batch;

    /// <summary>Numbers that the layers hand on in a step.</summary>
    public long Activations => Layers.Sum(layer => layer.Calls * layer.Output.Aggregate(1L, (a, b) => a * b));

    public static Workload Of(Recipe recipe, DataSet data, Device device)
    {
        using var scope = NewDisposeScope();
        using var plan = TrainingRun.Build(recipe, DataFacts.Of(data), device);
        var batch = plan.Algorithm.BatchSize(0);
        using var table = new LayerTable(plan.Algorithm.Networks);
        plan.Algorithm.Step(data.Train.Shuffled(recipe.Trainer.Seed, recipe.Range)(0, batch).To(device), 0);
        return new Workload(table.Layers, batch,
            plan.Algorithm.Networks.Values.Sum(network => network.parameters().Sum(parameter => parameter.numel())),
            plan.Algorithm.Optimizers.Values.Sum(optimizer => optimizer.State.Values.Sum(tensor => tensor.numel())));
    }
}
