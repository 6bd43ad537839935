using System.Globalization;
using System.Text;
using Manifold.Checkpoints;
using Manifold.Engine;
using Manifold.Training;

namespace Manifold.Recipes;

/// <summary>The README.md of a run's folder: what was trained on what, how far, how to use it, and how to make it again.</summary>
internal static class ModelCard
{
    /// <param name="by">What the checkpoints are ranked by.</param>
    /// <param name="metric">The first to ask for.</param>
    public static string Of(RecipeEntry entry, Recipe recipe, RunConfig config, RunReader run, Ranking? by, int batch, long parameters, string metric)
    {
        var newest = run.Checkpoints.LastOrDefault();
        var changed = SettingsDiff.Compare(entry.Default.ToJson(), recipe.ToJson());
        var command = $"./manifold train {entry.Name}{string.Concat(changed.Select(change => $" --set {ShellText.Quoted($"{change.Path}={change.Now}")}"))}";
        var fakes = Directory.GetFiles(run.Path, "fakes*.png").Order(StringComparer.Ordinal).LastOrDefault();

        var card = new StringBuilder();
        card.AppendLine(Invariant($"# {config.Recipe}, {config.Data.Name}")).AppendLine();
        card.AppendLine(entry.Summary).AppendLine();
        if (fakes is not null) card.AppendLine($"![Samples]({Path.GetFileName(fakes)})").AppendLine();
        card.AppendLine("| | |").AppendLine("| --- | --- |");
        Row("examples seen", Invariant($"{newest?.ExamplesSeen ?? 0:N0} of {recipe.Trainer.Examples:N0}, {batch:N0} in a step"));
        Row("parameters", Invariant($"{parameters:N0}"));
        Row("data", Invariant($"{config.Data.Name}, {config.Data.Shape}, {config.Data.Train:N0} to train on, {config.Data.Validation:N0} to validate; fingerprint {config.Data.Fingerprint}"));
        if (recipe.Data.Binarize != Manifold.Data.Binarization.None) Row("binarization", $"{recipe.Data.Binarize}".ToLowerInvariant());
        if (RunReader.Ranked(run.Checkpoints).FirstOrDefault() is { Score: { } score } best && by is not null) Row("best checkpoint", Invariant($"{Path.GetFileName(best.Path)}, {by.Name} {by.Turned(score):0.####} ({(by.HigherIsBetter ? "higher" : "lower")} is better)"));
        Row("seed", Invariant($"{recipe.Trainer.Seed}"));
        foreach (var change in config.Changes) Row("changed on the way", Invariant($"{change.Setting} from {change.From} to {change.To} at {change.Examples:N0} examples"));
        card.AppendLine();
        card.AppendLine("Use it, with the averaged weights of the best checkpoint:").AppendLine();
        card.AppendLine("```").AppendLine("./manifold sample RUN").AppendLine($"./manifold evaluate RUN --metrics {metric}").AppendLine("```").AppendLine();
        card.AppendLine("Make it again:").AppendLine();
        card.AppendLine("```").AppendLine(command).AppendLine("```").AppendLine();
        card.AppendLine("The numbers of `metric-*.jsonl` name the part, the binarization, the weights and the checkpoint that they were measured on. The pictures of the data (`reals.png`) are under its licence, not this run's.");
        return card.ToString();

        void Row(string name, string value) => card.AppendLine($"| {name} | {value} |");
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
