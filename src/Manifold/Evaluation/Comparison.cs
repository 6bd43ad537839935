using System.Globalization;
using System.Text.Json.Nodes;
using Manifold.Engine;

namespace Manifold.Evaluation;

/// <summary>Lines of metric-*.jsonl of several runs, side by side where they were taken alike, and apart where not.</summary>
/// <param name="Metric">Such as fid_lenet_10000.</param>
/// <param name="Groups">Lines that may be ranked among one another, the best first; lines of two groups must not be.</param>
/// <param name="Differs">In what the groups differ; empty where there is one.</param>
public sealed record Comparison(string Metric, IReadOnlyList<IReadOnlyList<Comparison.Row>> Groups, IReadOnlyList<string> Differs)
{
    /// <summary>A run's newest line of a metric.</summary>
    public sealed record Row(string Run, double Value, string Better, JsonObject Line);

    // What was asked for, and never what came out of it, must be alike before two numbers are: each is a word, a number or nothing. The run, its recipe, its weights and how far it was trained may differ: that is what is compared.
    private static readonly string[] alike =
        ["data_fingerprint", "split", "binarization", "levels", "dequantization", "count", "extractor", "extractor_sha256", "resize", "quantization", "reference_split", "reference_count", "seeds", "noise_seed", "weights", "truncation", "test"];

    /// <summary>Reads the runs and lays their lines out, a metric after the other.</summary>
    /// <param name="runs">Folders.</param>
    /// <param name="metric">Only this one; all if null.</param>
    /// <exception cref="MetricException">A folder has no measurements, or a line is torn.</exception>
    public static IReadOnlyList<Comparison> Of(IReadOnlyList<string> runs, string? metric = null)
    {
        var rows = runs.SelectMany(Newest).Where(row => metric is null || row.Metric == metric).ToList();
        if (rows.Count == 0) throw new MetricException(metric is null ? "No run is named." : $"No run has a measurement of {metric}; `./manifold evaluate RUN --metrics {metric}` takes one.");
        return [.. rows.GroupBy(row => row.Metric).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group =>
        {
            var kinds = group.GroupBy(row => string.Join("|", alike.Select(key => Asked(row.Row.Line, key)))).ToList();
            return new Comparison(group.Key, [.. kinds.Select(Ranked)], kinds.Count == 1 ? [] : [.. alike.Where(key => group.Select(row => Asked(row.Row.Line, key)).Distinct().Count() > 1)]);
        })];
    }

    // Lines of swd_N that were written by an older Manifold have their results under "levels", as a list.
    private static string? Asked(JsonObject line, string key) => line[key] is JsonValue value ? value.ToJsonString() : null;

    /// <summary>Text of a table, aligned.</summary>
    public IEnumerable<string> Lines()
    {
        yield return Metric;
        foreach (var (number, group) in Groups.Index())
        {
            if (Groups.Count > 1) yield return $"  not to be compared with the others: {string.Join(", ", Differs.Select(key => $"{key} {Asked(group[0].Line, key)?.Trim('"') ?? "none"}"))}";
            foreach (var row in group)
                yield return string.Create(CultureInfo.InvariantCulture, $"  {row.Value,14:G6}{Number(row, "standard_error", " ±"),-12}{Number(row, "floor", "  data "),-16}{Number(row, "ceiling", "  noise "),-18}{Number(row, "truncation", "  truncation ")}  {row.Line["weights"]} weights at {(long?)row.Line["examples_seen"]:N0}  {row.Run}");
        }
    }

    private static string Number(Row row, string key, string before) => row.Line[key] is JsonValue value ? string.Create(CultureInfo.InvariantCulture, $"{before}{(double)value:G4}") : "";

    private static IReadOnlyList<Row> Ranked(IEnumerable<(string Metric, Row Row)> rows)
    {
        var all = rows.Select(row => row.Row).ToList();
        return all[0].Better switch { "higher" => [.. all.OrderByDescending(row => row.Value)], "lower" => [.. all.OrderBy(row => row.Value)], _ => all };
    }

    private static IEnumerable<(string Metric, Row Row)> Newest(string run)
    {
        if (!Directory.Exists(run)) throw new MetricException($"There is no run {run}.");
        var files = Directory.GetFiles(run, "metric-*.jsonl").Order(StringComparer.Ordinal).ToList();
        if (files.Count == 0) throw new MetricException($"{run} has no measurements; `./manifold evaluate {run} --metrics ...` takes them.");
        foreach (var file in files)
        {
            var line = Last(file);
            foreach (var key in numbers) line.Find(key)?.Number();
            line.Find("examples_seen")?.Count();
            line.Find("weights")?.Text();
            if (line["metric"].Text() is var name && Path.GetFileName(file) != $"metric-{name}.jsonl") throw Foreign(file);
            if (!line.Object().ContainsKey("value")) throw Valueless(file);
            yield return (name, new Row(run, line.Find("value")?.Number() ?? double.NaN, line.Find("better")?.Text() ?? "none", line.Object()));
        }
    }

    private static MetricException Foreign(string file) =>
        new($"The last line of {file} is of another metric than the file's name says. Delete the line, or take the measurement again.");

    private static MetricException Valueless(string file) =>
        new($"The last line of {file} has no value. Delete the line, or take the measurement again.");

    private static readonly string[] numbers = ["standard_error", "floor", "ceiling", "truncation"];

    /// <exception cref="MetricException">The last line is no measurement.</exception>
    private static StrictJson Last(string file)
    {
        MetricException Broken(string why) => new($"The last line of {file} is no measurement: {why} It may have been cut short. Delete it, or take the measurement again.");
        string? last;
        try { last = RegularFile.ReadLines(file).LastOrDefault(text => text.Length > 0); }
        catch (IOException e) { throw Broken(e.Message); }
        return StrictJson.Parse(last ?? "", "it", Broken);
    }
}
