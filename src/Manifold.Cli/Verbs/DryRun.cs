using Manifold.Data;
using Manifold.Recipes;

namespace Manifold.Cli.Verbs;

/// <summary>Shows what a run would be, from one step on blank pictures: settings, layers, work and memory. Writes nothing.</summary>
internal static class DryRun
{
    public static int Print(TrainingRequest request)
    {
        var recipe = Settings.With(request.Entry.Default, request.Changes);
        recipe.Trainer.Validated();
        var (fitted, data) = Recipe.FitTo(recipe, DataSet.Open(recipe.Data, request.DataRoot), request.Entry, request.Changes, request.DataRoot);
        recipe = fitted;
        var work = Workload.Of(recipe, data, request.Device).ExpectMemory();
        using var judges = Judges.Of(request.Entry.Name, recipe, TrainingRun.Build(recipe, DataFacts.Of(data), request.Device), data, request.Device, new ScriptConsent(request.Warn));

        Console.WriteLine(recipe.ToJson().ToJsonString(new System.Text.Json.JsonSerializerOptions { WriteIndented = true }));
        Console.WriteLine($"\ndata: {data.Name}, {data.Shape}, {data.Train.Count:N0} train, {data.Validation.Count:N0} validation, {data.Test?.Count ?? 0:N0} test");
        foreach (var line in data.Description) Console.WriteLine($"  {line}");
        foreach (var warning in data.Warnings) request.Warn(warning);
        if (recipe.LikelihoodReason is { } reason) Console.WriteLine($"likelihood: {reason}");
        Console.WriteLine();
        Console.WriteLine($"{"layer",-28}{"kind",-18}{"input",-22}{"output",-22}{"parameters",12}{"multiply-adds",16}");
        foreach (var layer in work.Layers)
            Console.WriteLine($"{layer.Name,-28}{layer.Kind,-18}{Shape(layer.Input),-22}{Shape(layer.Output),-22}{layer.Parameters,12:N0}{layer.MultiplyAdds / work.Batch,16:N0}");
        Console.WriteLine($"\n{work.Parameters:N0} parameters; {work.MultiplyAdds:N0} multiply-adds per example forward, about {work.TrainingFlops:N0} FLOP to train on it");
        Console.WriteLine($"memory: about {work.Memory / 1e6:N0} MB for networks and a batch of {work.Examples}, {(long)data.Shape.Dims * (data.Train.Count + data.Validation.Count) / 1e6:N0} MB of data, 250 MB for libtorch and .NET");
        return ExitCodes.Done;
    }

    // B stands for the batch, which leads every shape.
    private static string Shape(long[] shape) => $"[{string.Join(", ", shape.Skip(1).Prepend(0).Select((size, axis) => axis == 0 ? "B" : $"{size}"))}]";
}
