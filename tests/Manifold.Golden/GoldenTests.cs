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
        var write = Environment.GetEnvironmentVariable("MANIFOLD_GOLDEN_WRITE") == "1";
        var folder = Directory.CreateTempSubdirectory("manifold-golden-").FullName;
        try
        {
            Machine.SetThreads((int)golden["threads"]!);
            var request = new TrainingRequest(RecipeList.Find((string)golden["recipe"]!)) { Changes = [.. golden["changes"]!.AsArray().Select(change => (string)change!)], Folder = folder };
            using (var run = TrainingRun.Open(request)) run.Train();

            var trained = TrainedModel.Open(folder, "ema", CPU);
            var data = trained.OpenData(null, null);
            var split = data.Validation;
            var judge = new SampleMetrics(trained.Model, data, Extractors.Open(null, data), CPU);
            var wrong = new List<string>();
            foreach (var (metric, expected) in golden["metrics"]!.AsObject())
            {
                var found = SampleMetric.Parse(metric) is { } ofSamples ? judge.Measure(ofSamples)[0].Value : Metrics.Measure(metric, trained.Model, split, CPU).Value;
                if (write) expected!["value"] = Math.Round(found, 4);
                else if (Math.Abs(found - (double)expected!["value"]!) > (double)expected["tolerance"]!) wrong.Add($"{metric} is {found}, golden {expected["value"]} to within {expected["tolerance"]}");
            }

            var picture = Path.Combine(Folder(), $"{name}.png");
            using var scope = NewDisposeScope();
            var now = Sheet.Of(Shown(trained.Model, split).detach(), 8).ToPng();
            if (write) File.WriteAllBytes(picture, now);
            else if (Distance(File.ReadAllBytes(picture), now) is var distance && distance > (double)golden["picture"]!["tolerance"]!)
                wrong.Add($"the picture is {distance:F2} grey levels from the golden one, more than {golden["picture"]!["tolerance"]}");

            if (write) File.WriteAllText(path, golden.ToJsonString(indented) + "\n");
            Assert.Empty(wrong);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

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
