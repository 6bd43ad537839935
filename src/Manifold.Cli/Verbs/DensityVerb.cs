using System.CommandLine;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Models;
using Manifold.Pictures;
using Manifold.Recipes;
using Manifold.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Cli.Verbs;

/// <summary>What models spread over the plane beside the law of their data, and what of it they miss.</summary>
internal static class DensityVerb
{
    private const int Cells = 240, Chunk = 1000, HeldOut = 2000, Most = 1_000_000;

    public static Command Make()
    {
        var runs = new Argument<string[]>("RUN") { Description = "Folders of runs on one set of points, or their checkpoints.", Arity = ArgumentArity.OneOrMore };
        var codes = new Option<int>("--codes") { Description = "Of a model with a likelihood: codes of the prior that its density is the mean over.", HelpName = "K", DefaultValueFactory = _ => 20_000 };
        var samples = new Option<int>("--samples") { Description = "Of a model without one: samples that its density is estimated from.", HelpName = "N", DefaultValueFactory = _ => 100_000 };
        var count = new Option<int>("--count") { Description = "Samples that off_manifold and missed are counted of.", HelpName = "N", DefaultValueFactory = _ => 10_000 };
        var dataRoot = Verb.DataRoot();
        var weights = Verb.Weights();
        var device = Verb.Device();
        var threads = Verb.Threads();
        var output = new Option<string?>("--out") { Description = "The picture's file; density.png in the first run's folder if not given.", HelpName = "FILE" };
        var command = new Command("density", "Draw the law of points and the densities of models of them side by side, and count what lies off the data and what is missed.") { runs, codes, samples, count, dataRoot, weights, device, threads, output };
        command.SetAction(parsed => Verb.Do(() =>
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            Verb.UseThreads(parsed.GetValue(threads));
            int k = Verb.Within(1, Most, parsed.GetValue(codes), "--codes"), n = Verb.Within(1, Most, parsed.GetValue(samples), "--samples");
            SampleMetric[] metrics = [.. new[] { "off_manifold", "missed" }.Select(kind => SampleMetric.Parse($"{kind}_{parsed.GetValue(count)}") ?? throw new SettingsException($"--count is {parsed.GetValue(count)}; it needs 10 to 1000000."))];
            var all = parsed.GetRequiredValue(runs).Select(run => Verb.Open(run, parsed.GetValue(weights)!, Verb.DeviceOf(parsed.GetValue(device)!))).ToList();
            foreach (var trained in all) OnPoints(trained, all[0]);
            var path = parsed.GetValue(output) ?? Path.Combine(all[0].Run.Path, "density.png");
            if (!path.EndsWith(".png", StringComparison.OrdinalIgnoreCase)) throw new SettingsException($"--out is {path}; it needs a name that ends in .png.");

            var set = all[0].OpenData(null, parsed.GetValue(dataRoot));
            var toy = Toy.Named(set.Name)!;
            var heldOut = (set.Test ?? set.Validation).InOrder(0, Math.Min(HeldOut, (set.Test ?? set.Validation).Count), PixelRange.Unit).X;   // [N, 2, 1, 1]
            var plane = new Plane(Scatter.Reach(heldOut), Cells);
            var law = PlaneDensity.OfLaw(toy, plane);
            var panels = new List<Tensor> { law };
            Console.WriteLine($"panels from the left, {DensityMap.Columns} in a row:");
            Say($"{set.Name}, the law of the data", law, toy.LogDensity(heldOut));
            foreach (var trained in all)
            {
                var clock = new ProgressLine(trained.Run.Path);
                var evidence = trained.Model as IEvidenceModel;
                panels.Add(evidence is null ? PlaneDensity.OfSamples(Drawn(trained, n, clock.Report), plane) : PlaneDensity.OfModel(evidence, plane, k, trained.Device, clock.Report));
                clock.Done();
                Say($"{trained.Run.Path}, {trained.Config.Recipe}, {trained.Weights} weights at {trained.Checkpoint.ExamplesSeen:N0}: {(evidence is null ? $"{n:N0} samples, each a normal kernel of deviation {plane.Side:F4}" : $"p(x), the mean of p(x|z) over {k:N0} codes of the prior")}",
                    panels[^1], evidence is null ? null : PlaneDensity.LogDensity(evidence, heldOut, k, trained.Device));
            }
            var peak = law.max().item<double>();
            Console.WriteLine(FormattableString.Invariant($"from {-plane.Reach:F2} to {plane.Reach:F2} each way, {Cells} x {Cells} cells; colour goes with the logarithm of the density, from white at {peak * Math.Pow(10, -DensityMap.Decades):G3} and less to darkest at {peak:G3} and more, the law's peak"));
            foreach (var trained in all)
            {
                Console.WriteLine(trained.Run.Path);
                var judge = new SampleMetrics(trained.Model, set, null, trained.Device);
                foreach (var metric in metrics)
                {
                    var clock = new ProgressLine(metric.Name);
                    var result = judge.Measure(metric, clock.Report)[0];
                    clock.Done();
                    var line = trained.Line(result, set, set.Train);
                    trained.Run.AppendMetric(result.Metric, line);
                    Console.WriteLine(EvaluateVerb.Text(result, line));
                }
            }
            return Verb.Write(path, DensityMap.Of(panels, peak).ToPng());

            void Say(string what, Tensor density, Tensor? logP) => Console.WriteLine(FormattableString.Invariant(
                $"  {panels.Count}  {what}; {plane.Share(density):F4} of it in the square{(logP is null ? "" : FormattableString.Invariant($", -log p of held-out data {-logP.mean().item<double>():F4} nats"))}"));
        }));
        return command.WithExample("./manifold density runs/00000-vae-swiss-roll runs/00001-gan-swiss-roll --out cartoon.png");
    }

    private static void OnPoints(TrainedModel trained, TrainedModel first)
    {
        if (!trained.Config.Data.Shape.IsPoint)
            throw new SettingsException($"{trained.Run.Path} is a run of {trained.Config.Recipe} on pictures of {trained.Config.Data.Shape}; a density is drawn over the plane, for runs on points: vae-ring, gan-ring, vae-swiss-roll, gan-swiss-roll.");
        if (trained.Config.Data.Fingerprint != first.Config.Data.Fingerprint)
            throw new SettingsException($"{trained.Run.Path} was trained on {trained.Config.Data.Name} and {first.Run.Path} on {first.Config.Data.Name}; one page is of one set.");
        trained.As<IDecoder>("makes points of codes");
    }

    private static Tensor Drawn(TrainedModel trained, int count, Action<double> progress) => cat([.. Enumerable.Range(0, (count + Chunk - 1) / Chunk).Select(part =>
    {
        using var scope = NewDisposeScope();
        progress(part * Chunk / (double)count);
        return Samples.Of(trained.Model, [.. Enumerable.Range(part * Chunk, Math.Min(Chunk, count - part * Chunk)).Select(seed => (long)seed)], trained.Device, draw: true).cpu().MoveToOuterDisposeScope();
    })]);
}
