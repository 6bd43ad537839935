using System.Text.RegularExpressions;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Training;
using static TorchSharp.torch;

namespace Manifold.Recipes;

/// <summary>Who measures a run at its looks, and what its checkpoints are ranked by.</summary>
/// <param name="By">Null where nothing says which weights are better.</param>
/// <param name="Extractor">The beginning of the SHA-256 of the extractor that the scores are taken with; null where they need none.</param>
public sealed partial record Judges(IReadOnlyList<IObserver> Watches, Ranking? By, string? Extractor)
{
    /// <param name="script">Where trainer.features is of the command line: it may then be a TorchScript file.</param>
    /// <exception cref="SettingsException">trainer.best_by names nothing that can rank, or there is nothing to stop by; the message gives the names that would do.</exception>
    /// <exception cref="MetricException">It names a metric of samples that cannot be taken of this model on this data.</exception>
    public static Judges Of(string name, Recipe recipe, Plan plan, DataSet data, Device device, ScriptConsent? script = null)
    {
        var settings = recipe.Trainer;
        var watches = recipe.Watches(plan, data, device);
        var logged = watches.SelectMany(watch => watch.Ranked).ToList();
        var by = settings.BestBy ?? plan.BestBy;
        var metric = by is null || logged.Any(ranking => ranking.Name == by) ? null : SampleScore.MetricOf(by);
        if (settings.Features is not null && metric is not ({ WantsExtractor: true } or { Kind: "modes" }))
            throw new SettingsException($"trainer.features is {settings.Features}, and {(by is null ? "trainer.best_by names no metric that asks for it" : $"{by} needs no features")}. Leave it out (null), or name such a metric, as --best-by fid_lenet_1000.");
        if (metric is not null)
        {
            var extractor = metric.WantsExtractor || settings.Features is not null ? Extractors.Open(settings.Features, data, script) : null;
            var score = new SampleScore(by!, plan.Model, data, extractor, device);
            return new Judges([.. watches, score], score.Ranked[0], extractor?.Hash);
        }

        var ranking = logged.Find(ranking => ranking.Name == by);
        if (by is not null && ranking is null)
            throw new SettingsException($"trainer.best_by is {by}, which is no value of {name} on {data.Name} of which it is known which way is better.{Suggest.DidYouMean(by, Candidates(by, logged, data))} {There(logged, data)}");
        if (ranking is null && settings.StopWhen == StopWhen.Plateau)
            throw new SettingsException($"trainer.stop_when is plateau, and {name} has no likelihood to tell by which weights are better. Name what does, such as --best-by {SampleScore.Suggested(data)}. {There(logged, data)}");
        return new Judges(watches, ranking, null);
    }

    private static string There(List<Ranking> logged, DataSet data) =>
        $"There are: {string.Concat(logged.Select(ranking => $"{ranking.Name}, "))}and of samples {string.Join(", ", SampleScore.Forms(data))} (X an extractor, lenet, rotnet or script; N a number of samples, from 10).";

    // What might have been meant: each form with each extractor, and with the number that was given.
    private static IEnumerable<string> Candidates(string given, List<Ranking> logged, DataSet data)
    {
        var count = Count().Match(given) is { Success: true } match ? match.Value : "1000";
        var ofSamples = from form in SampleScore.Forms(data)
                        from extractor in new[] { "lenet", "rotnet", "script" }
                        select Form().Replace(form, letter => letter.Value == "_X" ? $"_{extractor}" : $"_{count}");
        return logged.Select(ranking => ranking.Name).Concat(ofSamples.Where(name => SampleScore.MetricOf(name) is not null).Distinct());
    }

    [GeneratedRegex("[0-9]+$")]
    private static partial Regex Count();

    [GeneratedRegex("_X(?=_N$)|_N$")]
    private static partial Regex Form();
}
