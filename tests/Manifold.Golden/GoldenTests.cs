using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Models;
using Manifold.Pictures;
using Manifold.Recipes;
using Manifold.Sampling;
using SkiaSharp;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Golden;

/// <summary>
/// Every golden/NAME.json is a small training run: its recipe, its changes, and the numbers and the picture that came of it, each
/// with its tolerance. A run that no longer gives them has changed what users get. MANIFOLD_GOLDEN_WRITE=1 writes them anew.
/// MANIFOLD_GOLDEN_SPREAD=FOLDER compares nothing: it appends the numbers to FOLDER/spread.jsonl and keeps the picture, with
/// MANIFOLD_GOLDEN_THREADS and MANIFOLD_GOLDEN_CHANGES ("trainer.seed=1 a.b=c") in place of the golden ones. Tolerances come from that.
/// </summary>
public class GoldenTests
{
    private static readonly JsonSerializerOptions indented = new() { WriteIndented = true };

    public static TheoryData<string> Names => [.. Directory.GetFiles(Folder(), "*.json").Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_run_gives_its_golden_numbers_and_picture(string name)
    {
        var path = Path.Combine(Folder(), $"{name}.json");
        var golden = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        if (Variable("SPREAD") is { } spread) Spread(name, golden, spread);
        else if (Variable("WRITE") == "1") Write(name, golden, path);
        else Assert.Empty(Differences(name, golden, Train(golden)));
    }

    private static IEnumerable<string> Differences(string name, JsonObject golden, Outcome found)
    {
        foreach (var (metric, expected) in golden["metrics"]!.AsObject())
            if (Math.Abs(found.Values[metric] - (double)expected!["value"]!) is var away && !(away <= (double)expected["tolerance"]!))
                yield return $"{metric} is {found.Values[metric]}, golden {expected["value"]} to within {expected["tolerance"]}";
        foreach (var metric in found.Values.Keys.Where(metric => golden["metrics"]![metric] is null))
            yield return $"{metric} is {found.Values[metric]}, and golden/{name}.json has no value of it";
        var tolerance = (double)golden["picture"]!["tolerance"]!;
        if (Distance(File.ReadAllBytes(Picture(name)), found.Picture) is var distance && !(distance <= tolerance))
            yield return $"the picture is {distance:F2} grey levels from the golden one, more than {tolerance}";
    }

    private static void Write(string name, JsonObject golden, string path)
    {
        var found = Train(golden);
        foreach (var (metric, value) in found.Values)
            (golden["metrics"]![metric] ??= new JsonObject { ["value"] = 0, ["tolerance"] = 0 })["value"] = Math.Round(value, 4);
        File.WriteAllBytes(Picture(name), found.Picture);
        File.WriteAllText(path, golden.ToJsonString(indented) + "\n");
    }

    private static void Spread(string name, JsonObject golden, string folder)
    {
        var changes = Variable("CHANGES")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        foreach (var change in changes) golden["changes"]!.AsArray().Add(change);
        if (Variable("THREADS") is { } threads) golden["threads"] = int.Parse(threads, System.Globalization.CultureInfo.InvariantCulture);
        var found = Train(golden);
        Directory.CreateDirectory(folder);
        var file = $"{name}-{string.Join('-', changes)}-{golden["threads"]}-{Machine.CpuCapability}.png";
        File.WriteAllBytes(Path.Combine(folder, file), found.Picture);
        var line = new JsonObject
        {
            ["name"] = name,
            ["changes"] = string.Join(' ', changes),
            ["threads"] = golden["threads"]!.DeepClone(),
            ["cpu_capability"] = Machine.CpuCapability,
            ["values"] = new JsonObject(found.Values.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
            ["picture"] = Distance(File.ReadAllBytes(Picture(name)), found.Picture),
            ["file"] = file,
        };
        File.AppendAllText(Path.Combine(folder, "spread.jsonl"), line.ToJsonString() + "\n");
    }

    private sealed record Outcome(IReadOnlyDictionary<string, double> Values, byte[] Picture);

    private static Outcome Train(JsonObject golden)
    {
        var folder = Directory.CreateTempSubdirectory("manifold-golden-").FullName;
        try
        {
            Machine.SetThreads((int)golden["threads"]!);
            var changes = golden["changes"]!.AsArray().Select(change => (string)change!);
            var request = new TrainingRequest(RecipeList.Find((string)golden["recipe"]!)) { Changes = [.. changes], Folder = folder };
            using (var run = TrainingRun.Open(request)) run.Train();
            var trained = TrainedModel.Open(folder, "ema", CPU);
            var data = trained.OpenData(null, null);
            using var scope = NewDisposeScope();
            var values = Measured(trained.Model, data, golden["metrics"]!.AsObject().Select(pair => pair.Key));
            return new Outcome(values, Sheet.Of(Shown(trained.Model, data.Validation).detach(), 8).ToPng());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // All numbers of each metric that has one among the names: precision_lenet_1000 brings recall_lenet_1000 with it.
    private static Dictionary<string, double> Measured(nn.Module model, DataSet data, IEnumerable<string> names)
    {
        var judge = new SampleMetrics(model, data, Extractors.Open(null, data), CPU);
        var values = new Dictionary<string, double>();
        foreach (var (name, metric) in names.Select(name => (name, SampleScore.MetricOf(name))).DistinctBy(pair => pair.Item2?.Name ?? pair.name))
            foreach (var result in metric is null ? [Metrics.Measure(name, model, data.Validation, CPU)] : judge.Measure(metric))
                values[result.Metric] = result.Value;
        return values;
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable($"MANIFOLD_GOLDEN_{name}");

    private static string Picture(string name) => Path.Combine(Folder(), $"{name}.png");

    // Pictures of codes; of a model of order, whose every coin would turn all that follow, what surprises it, 2 nats a pixel white.
    private static Tensor Shown(nn.Module model, Split split)
    {
        using var _ = no_grad();
        return model is IAutoregressive ordered ? ordered.Surprise(split.InOrder(0, 64, PixelRange.Unit)).unsqueeze(1) / 2 : Samples.Of(model, [.. Enumerable.Range(0, 64).Select(seed => (long)seed)], CPU);
    }

    // Mean absolute difference, grey levels of 0 to 255.
    private static double Distance(byte[] a, byte[] b)
    {
        using SKBitmap x = SKBitmap.Decode(a), y = SKBitmap.Decode(b);
        Assert.Equal(x.Info, y.Info);
        return x.Bytes.Zip(y.Bytes).Average(pair => Math.Abs(pair.First - pair.Second));
    }

    private static string Folder([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "golden"));
}

internal static class ModuleInitializer
{
    [ModuleInitializer]
    internal static void Load() => Native.Load();
}
