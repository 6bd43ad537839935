using System.Globalization;
using Manifold.Data;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Recipes;

/// <summary>
/// What a recipe's step does, seen by taking one of few examples on networks made for the purpose: layers, parameters,
/// multiply-adds.
/// </summary>
/// <param name="Batch">Examples in the step that was taken.</param>
/// <param name="Updates">Batches that a step takes in turn: a GAN may update its discriminator several times.</param>
/// <param name="BatchSize">Examples in a batch, as trainer.batch_size says.</param>
/// <param name="Parameters">Numbers in all networks.</param>
/// <param name="OptimizerState">Numbers that the optimizers keep.</param>
/// <param name="Dims">Numbers in an example.</param>
public sealed record Workload(
    IReadOnlyCollection<Layer> Layers, int Batch, int Updates, long BatchSize, long Parameters, long OptimizerState, int Dims)
{
    private const int Measured = 2;                // examples: batch normalization needs two

    /// <summary>Examples in a step of the run.</summary>
    public long Examples => BatchSize * Updates;

    /// <summary>Multiply-adds of all forward passes of a step, for each example.</summary>
    public long MultiplyAdds => Layers.Sum(layer => layer.MultiplyAdds) / Batch;

    /// <summary>
    /// Floating-point operations to train on one example: two for a multiply-add, forward and back to the inputs and weights
    /// that want a gradient.
    /// </summary>
    public long TrainingFlops => Layers.Sum(layer => layer.TrainingMultiplyAdds) * 2 / Batch;

    /// <summary>Numbers that the layers hand on in a step, for each example.</summary>
    public double Activations => Layers.Sum(layer => (double)layer.Calls * layer.Output.Aggregate(1L, (a, b) => a * b)) / Batch;

    /// <summary>
    /// Bytes that networks and a step take, about: weights, gradients and averages; the optimizer's state; what layers hand on,
    /// kept for the way back, and its gradient.
    /// </summary>
    public double Memory => sizeof(float) * (3.0 * Parameters + OptimizerState + 2 * Activations * Examples);

    /// <summary>
    /// Bytes that a run takes at the very least. Batches of a step follow one another, and gradients may take the place of what
    /// is no longer needed.
    /// </summary>
    public double LeastMemory(long batchSize) =>
        sizeof(float) * (3.0 * Parameters + OptimizerState + batchSize * (Activations + (double)Dims * Updates));

    /// <summary>Takes a step.</summary>
    public static Workload Of(Recipe recipe, DataSet data, Device device)
    {
        recipe.Trainer.Validated();
        using var scope = NewDisposeScope();
        ExpectWeights(recipe, DataFacts.Of(data), Machine.FreeMemory);
        var few = recipe with { Trainer = recipe.Trainer with { BatchSize = Math.Min(Measured, recipe.Trainer.BatchSize) } };
        using var plan = TrainingRun.Build(few, DataFacts.Of(data), device);
        var batch = plan.Algorithm.BatchSize(0);
        using var table = new LayerTable(plan.Algorithm.Networks);
        plan.Algorithm.Step(data.Train.Shuffled(recipe.Trainer.Seed, recipe.Range)(0, batch).To(device), 0);
        return new Workload(table.Layers, batch, batch / few.Trainer.BatchSize, recipe.Trainer.BatchSize,
            plan.Algorithm.Networks.Values.Sum(network => network.parameters().Sum(parameter => parameter.numel())),
            plan.Algorithm.Optimizers.Values.Sum(optimizer => optimizer.State.Values.Sum(tensor => tensor.numel())), data.Shape.Dims);
    }

    /// <summary>Refuses networks whose weights cannot be held, before they are made.</summary>
    /// <param name="free">Bytes of memory that can be taken.</param>
    /// <exception cref="SettingsException">The message has what they need, what there is, and the settings that decide it.</exception>
    internal static void ExpectWeights(Recipe recipe, DataFacts data, long free)
    {
        var least = sizeof(float) * 3 * recipe.LeastParameters(data);
        if (least <= free) return;
        throw new SettingsException(
            $"The weights of {data.Name}'s networks, with gradients and averages, need {Gigabytes(least)} or more for pictures of {data.Shape}, "
            + $"and {Gigabytes(free)} are free here. Make the model (model.hidden, model.latent_dim) or data.size smaller.");
    }

    /// <summary>Refuses a batch that cannot be held, before tensors of its size are made.</summary>
    /// <param name="free">Bytes of memory that can be taken; what is free on this machine if null.</param>
    /// <exception cref="SettingsException">The message has what a step needs, what there is, and the largest round batch that
    /// fits.</exception>
    public Workload ExpectMemory(long? free = null)
    {
        var available = free ?? Machine.FreeMemory;
        bool Fits(long batchSize) =>
            LeastMemory(batchSize) <= available && (double)batchSize * Updates * Dims * sizeof(float) <= Split.LargestBatch;
        if (Fits(BatchSize)) return this;

        var largest = 0L;
        for (var size = 1L; size < BatchSize && Fits(size); size *= 2) largest = size;
        var wayOut = largest > 0 ? $"Set trainer.batch_size={largest}." : "No batch fits: make the model or data.size smaller.";
        var limit = LeastMemory(BatchSize) > available
            ? $"{Gigabytes(available)} are free here"
            : $"the examples of a step take {Gigabytes((double)Examples * Dims * sizeof(float))}, of {Gigabytes(Split.LargestBatch)} at most";
        throw new SettingsException(
            $"trainer.batch_size is {BatchSize}; a step needs {Gigabytes(LeastMemory(BatchSize))} or more, and {limit}. {wayOut}");
    }

    private static string Gigabytes(double bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:N1} GB");
}
