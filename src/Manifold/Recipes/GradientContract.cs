using Manifold.Data;
using Manifold.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Recipes;

/// <summary>Whether learning reaches every part of a recipe's networks, seen by taking a few steps: a loss that falls does not say it.</summary>
/// <param name="Steps">How many were taken.</param>
/// <param name="Parameters">Tensors that learn.</param>
/// <param name="Still">Those among them that no step has moved, network.parameter each.</param>
/// <param name="Frozen">Tensors that are not to learn.</param>
/// <param name="Moved">Those among them that have moved.</param>
/// <param name="AveragesStill">Averages that have not followed.</param>
/// <param name="GeneratorGradient">Norm of what the discriminator told the generator; null where there is no game.</param>
public sealed record GradientContract(int Steps, int Parameters, IReadOnlyList<string> Still, int Frozen, IReadOnlyList<string> Moved, IReadOnlyList<string> AveragesStill, double? GeneratorGradient)
{
    /// <summary>Whether everything that should move did, and nothing else.</summary>
    public bool Holds => Still.Count == 0 && Moved.Count == 0 && AveragesStill.Count == 0 && GeneratorGradient is null or > 0;

    private const int Least = 3, Most = 50;

    /// <summary>Takes the first steps of a run on networks of its own: three, because a layer behind one that starts at zero has its first gradient in the second,
    /// and up to fifty while something rests, because a hinge tells the last bias nothing until a score is beyond it.</summary>
    public static GradientContract Of(Recipe recipe, DataSet data, Device device)
    {
        Workload.Of(recipe, data, device).ExpectMemory();
        using var scope = NewDisposeScope();
        using var plan = TrainingRun.Build(recipe, DataFacts.Of(data), device);
        return Of(plan.Algorithm, data.Train.Shuffled(recipe.Trainer.Seed, recipe.Range), device);
    }

    /// <summary>Takes steps of an algorithm.</summary>
    public static GradientContract Of(IAlgorithm algorithm, BatchAt data, Device device)
    {
        using var scope = NewDisposeScope();
        var averages = algorithm.Averaged.ToDictionary(name => name, name => new Ema(algorithm.Networks[name], halfLife: 1));
        var all = algorithm.Networks.SelectMany(network => network.Value.named_parameters().Select(p => (Name: $"{network.Key}.{p.name}", p.parameter, Before: p.parameter.detach().clone(), Learns: p.parameter.requires_grad))).ToList();
        var averagesBefore = averages.ToDictionary(average => average.Key, average => average.Value.Tensors.ToDictionary(tensor => tensor.Key, tensor => tensor.Value.clone()));
        foreach (var network in algorithm.Networks.Values) network.train();
        algorithm.Start(data(0, algorithm.BatchSize(0)).To(device));
        var before = all.Select(p => p.parameter.detach().clone()).ToList();                     // a start from the data is no step
        var seen = 0L;
        double? gradient = null;
        var steps = 0;
        for (; steps < Least || steps < Most && all.Zip(before).Any(pair => pair.First.Learns && Same(pair.First.parameter, pair.Second)); steps++)
        {
            using var inner = NewDisposeScope();
            var batch = data(seen, algorithm.BatchSize(seen)).To(device);
            var log = algorithm.Step(batch, seen);
            seen += batch.Count;
            foreach (var average in averages.Values) average.Update(batch.Count, seen);
            if (log.FirstOrDefault(entry => entry.Name == "g_grad").Value is { } norm) gradient = Math.Max(gradient ?? 0, norm.item<float>());
        }

        bool Same(Tensor a, Tensor b) => a.equal(b).all().item<bool>();
        var moved = all.Zip(before).Select(pair => (pair.First.Name, pair.First.Learns, HasMoved: !Same(pair.First.parameter, pair.Second))).ToList();
        var contract = new GradientContract(steps,
            moved.Count(p => p.Learns), [.. moved.Where(p => p.Learns && !p.HasMoved).Select(p => p.Name)],
            moved.Count(p => !p.Learns), [.. moved.Where(p => !p.Learns && p.HasMoved).Select(p => p.Name)],
            [.. from average in averages
                from p in algorithm.Networks[average.Key].named_parameters()
                where p.parameter.requires_grad && Same(average.Value.Tensors.First(tensor => tensor.Key == p.name).Value, averagesBefore[average.Key][p.name])
                select $"{average.Key}.{p.name}"],
            gradient);
        foreach (var average in averages.Values) average.Dispose();
        return contract;
    }
}
