using System.CommandLine;
using System.Text.Json.Nodes;
using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Pictures;
using Manifold.Recipes;

namespace Manifold.Cli.Verbs;

internal static class EvaluateVerb
{
    public static Command Make()
    {
        var run = Verb.Run();
        var metrics = new Option<string>("--metrics") { Description = $"Names with commas between: {string.Join(", ", Metrics.All)}.", HelpName = "a,b", Required = true };
        var data = Verb.Data();
        var dataRoot = Verb.DataRoot();
        var split = new Option<string?>("--split") { Description = "For metrics of data: test (if not given), validation or train. Metrics of samples hold them against the training part, with held-out data beside them.", HelpName = "S" };
        var limit = new Option<int?>("--limit") { Description = "For metrics of data: only the first N examples.", HelpName = "N" };
        var features = new Option<string?>("--features") { Description = "Of X in a metric's name: a run of features (./manifold train features), or a TorchScript file; the library's own on bundled pictures.", HelpName = "RUN|FILE" };
        var truncation = new Option<double?>("--truncation") { Description = "For metrics of samples of a model with codes: draw them within so many deviations of the prior, as sample does.", HelpName = "T" };
        var weights = Verb.Weights();
        var device = Verb.Device();
        var threads = Verb.Threads();
        var json = Verb.Json();

        var command = new Command("evaluate", "Measure a run on data that it was not trained on.") { run, metrics, data, dataRoot, split, limit, features, truncation, weights, device, threads, json };
        command.SetAction(parsed => Verb.Do(() =>
        {
            Verb.UseThreads(parsed.GetValue(threads));
            if (parsed.GetValue(limit) is < 1) throw new SettingsException($"--limit is {parsed.GetValue(limit)}; it needs 1 or more.");
            var names = parsed.GetRequiredValue(metrics).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            if (parsed.GetValue(truncation) is not null && names.Where(name => SampleMetric.Parse(name) is null or { Count: 0 }).ToList() is [var other, ..])
                throw new SettingsException($"--truncation is of the codes that samples are drawn from, and {other} is not of samples.");
            if (names.Length == 0) throw new MetricException($"--metrics names none; there are {string.Join(", ", Metrics.All)}.");
            foreach (var name in names) Metrics.ExpectKnown(name);
            using var trained = Verb.Open(parsed.GetRequiredValue(run), parsed.GetValue(weights)!, Verb.DeviceOf(parsed.GetValue(device)!));
            foreach (var name in names) Metrics.ExpectKnown(name, trained.Model);   // a misspelt last one must not cost the hour of the first
            if (names.FirstOrDefault(name => SampleMetric.Parse(name) is not null) is { } ofModel && (parsed.GetValue(split) ?? parsed.GetValue(limit)?.ToString(System.Globalization.CultureInfo.InvariantCulture)) is { } given)
                throw new SettingsException($"{(parsed.GetValue(split) is null ? "--limit" : "--split")} is {given}, and {ofModel} is of the model's samples, held against the training part with held-out data beside them; its name says how many. Leave the option out, or measure {ofModel} apart.");
            var set = trained.OpenData(parsed.GetValue(data), parsed.GetValue(dataRoot));
            var part = names.All(name => SampleMetric.Parse(name) is not null) ? set.Train : parsed.GetValue(split) is { } named ? set.Part(named) : set.HeldOut;
            if (part == set.Validation && parsed.GetValue(split) is null) Console.Error.WriteLine($"manifold: {set.Name} has no test split; what follows is of its validation split.");
            if (trained.OtherSet(set) is { } warning) Console.Error.WriteLine($"manifold: {warning}");

            static void Warn(string word) => Console.Error.WriteLine($"manifold: {word}");
            var isOfSamples = names.Any(name => SampleMetric.Parse(name) is not null);
            using var extractor = isOfSamples ? Extractors.Open(parsed.GetValue(features), set, new ScriptConsent(Warn)) : null;
            var taker = isOfSamples ? new SampleMetrics(trained.Model, set, extractor, trained.Device, references: References.OfUser(Warn)) { Truncation = parsed.GetValue(truncation) } : null;
            var kept = true;
            foreach (var name in names)
            {
                var clock = new ProgressLine(name);
                IReadOnlyList<Measurement> results = SampleMetric.Parse(name) is { } ofSamples ? taker!.Measure(ofSamples, clock.Report)
                    : [Metrics.Measure(name, trained.Model, part, trained.Device, parsed.GetValue(limit), clock.Report)];
                clock.Done();
                foreach (var result in results)
                {
                    var line = trained.Line(result, set, SampleMetric.Parse(name) is null ? part : set.Train);
                    var sheet = SheetOf(result, trained.Run.Path);
                    if (sheet is not null) line["sheet"] = Path.GetFileName(sheet);
                    Console.WriteLine(parsed.GetValue(json) ? line.ToJsonString() : Text(result, line));
                    if (!parsed.GetValue(json)) foreach (var detail in result.Details) Console.WriteLine($"  {detail}");
                    if (!Keep(trained, result, line, sheet)) kept = false;
                    else if (sheet is not null && !parsed.GetValue(json)) Console.WriteLine($"  {sheet}: {NeighbourSheet.Legend}");
                }
            }
            return kept ? ExitCodes.Done : ExitCodes.Failed;
        }));
        return command.WithExample("./manifold evaluate runs/first --metrics elbo,active_units");
    }

    private static string? SheetOf(Measurement result, string folder) =>
        result.Sheet is { Pictures.shape: [_, _, 1 or 3, _, _] } ? Path.Combine(folder, $"{result.Metric}-neighbours.png") : null;

    // After the number was printed, which may have taken an hour. The sheet goes before the line that names it, so that no kept line names a picture that is not there.
    private static bool Keep(TrainedModel trained, Measurement result, JsonObject line, string? sheet)
    {
        using var rows = result.Sheet;
        try
        {
            if (sheet is not null) AtomicFile.Write(sheet, NeighbourSheet.Of(rows!).ToPng());
            trained.Run.AppendMetric(result.Metric, line);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CheckpointException)
        {
            Console.Error.WriteLine($"manifold: {result.Metric} was measured and is printed above, and {trained.Run.Path} cannot keep it: {e.Message} `compare` will not see it.");
            return false;
        }
    }

    internal static string Text(Measurement result, JsonObject line) => result.Provenance is null ? OfData(result, line) : OfSamples(result, line);

    private static string OfSamples(Measurement result, JsonObject line) =>
        $"{result.Metric,-28}{result.Value,12:F4}{(result.Floor is { } floor ? $"  data against data {floor:F4}" : "")}{(result.Ceiling is { } ceiling ? $"  {(result.Metric.EndsWith("probe", StringComparison.Ordinal) ? "pixels" : "noise")} {ceiling:F4}" : "")}  " +
        $"({line["data"]} {line["reference_split"]}, {line["held_out"]} held out, {line["weights"]} weights at {line["examples_seen"]:N0}{(line["truncation"] is { } reach ? $", truncation {reach}" : "")}{(line["extractor"] is { } extractor ? $", {extractor} {line["extractor_sha256"]}" : "")}, {result.Seconds:F1} s)";

    private static string OfData(Measurement result, JsonObject line) =>
        $"{result.Metric,-14}{result.Value,12:F4} {result.Unit}{(result.Reference is { } reference ? $" (the data's own: {reference:F4})" : "")}{(result.StandardError is { } error ? $" ±{error:F4} s.e." : "")}  " +
        $"({line["data"]} {line["split"]}, {line["binarization"]}, {result.Count:N0} examples, {line["weights"]} weights at {line["examples_seen"]:N0}, {result.Seconds:F1} s)";
}
