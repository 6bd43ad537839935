using System.CommandLine;
using System.Globalization;
using Manifold.Engine;
using Manifold.Recipes;
using Manifold.Training;

namespace Manifold.Cli.Verbs;

internal static class TrainVerb
{
    public static Command Make()
    {
        var recipe = Verb.Recipe();
        var data = Verb.Data();
        var dataRoot = Verb.DataRoot();
        var run = new Option<string?>("--run") { Description = "The run's folder; one that has a checkpoint goes on from it. The next numbered folder under runs/ if not given.", HelpName = "DIR" };
        var examples = new Option<long?>("--examples") { Description = "Stop after this many examples.", HelpName = "N" };
        var set = Verb.Set();
        var seed = new Option<long?>("--seed") { Description = "Of the weights, the order of the data and all noise.", HelpName = "S" };
        var stopWhen = new Option<string?>("--stop-when") { Description = "never, or plateau: when no look was better for as long as --patience.", HelpName = "never|plateau" };
        var bestBy = new Option<string?>("--best-by") { Description = "What decides the best checkpoint: a value of the log (validation_nll, modes) or a metric of samples, taken at every look (fid_lenet_1000).", HelpName = "NAME" };
        var patience = new Option<long?>("--patience") { Description = "Examples without a better look that are a plateau; five looks' if not given.", HelpName = "N" };
        var features = new Option<string?>("--features") { Description = "Of X in the name after --best-by: a run of features, or a TorchScript file; the library's own on bundled pictures.", HelpName = "RUN|FILE" };
        var skipBad = new Option<bool>("--skip-bad") { Description = "Leave out pictures that cannot be read; they are counted." };
        var device = Verb.Device();
        var threads = Verb.Threads();
        var allow = new Option<string[]>("--allow-change") { Description = "A setting that a resume may change; recorded in config.json.", HelpName = "a.b", DefaultValueFactory = _ => [] };
        var dryRun = new Option<bool>("--dry-run") { Description = "Show the settings, the layers, the work and the memory, and stop." };

        var command = new Command("train", "Train a recipe, or go on with a run.") { recipe, data, dataRoot, run, examples, set, seed, skipBad, stopWhen, bestBy, patience, features, device, threads, allow, dryRun };
        command.SetAction(parsed => Verb.Do(() =>
        {
            Verb.UseThreads(parsed.GetValue(threads), parsed.GetValue(run));
            var request = new TrainingRequest(RecipeList.Find(parsed.GetRequiredValue(recipe)))
            {
                Changes =
                [
                    .. parsed.GetValue(set)!,
                    .. Text("data.set", parsed.GetValue(data)),
                    .. parsed.GetValue(examples) is { } n ? [$"trainer.examples={n}"] : Array.Empty<string>(),
                    .. parsed.GetValue(seed) is { } s ? [$"trainer.seed={s}"] : Array.Empty<string>(),
                    .. parsed.GetValue(skipBad) ? ["data.skip_bad=true"] : Array.Empty<string>(),
                    .. Text("trainer.stop_when", parsed.GetValue(stopWhen)),
                    .. Text("trainer.best_by", parsed.GetValue(bestBy)),
                    .. parsed.GetValue(patience) is { } p ? [$"trainer.patience={p}"] : Array.Empty<string>(),
                    .. Text("trainer.features", parsed.GetValue(features)),
                ],
                Folder = parsed.GetValue(run),
                DataRoot = parsed.GetValue(dataRoot),
                Device = Verb.DeviceOf(parsed.GetValue(device)!),
                AllowChange = parsed.GetValue(allow)!,
                Warn = warning => Console.Error.WriteLine($"manifold: {warning}"),
            };
            var given = new Given(
                parsed.GetValue(threads) is { } count ? $" --threads {count}" : "",
                parsed.GetValue(dataRoot) is { } root ? $" --data-root {ShellText.QuotedPath(root)}" : "",
                parsed.GetResult(device) is { Implicit: false } ? $" --device {parsed.GetValue(device)}" : "");
            return parsed.GetValue(dryRun) ? DryRun.Print(request) : Train(request, given);
        }, NeedsLess(parsed.GetValue(dryRun))));
        return command.WithExample("./manifold train vae --examples 200000 --run runs/first").WithExample("./manifold train dcgan --stop-when plateau --best-by fid_lenet_1000");

        static string[] Text(string path, string? value) => value is null ? [] : [$"{path}={System.Text.Json.JsonSerializer.Serialize(value)}"];
    }

    private static string NeedsLess(bool isDryRun) =>
        isDryRun ? "a smaller trainer.batch_size, data.size or model takes less." : "`./manifold train RECIPE --dry-run` says what a run needs.";

    private static string Said(PlateauReached plateau) => plateau.Best is { } best
        ? $"{plateau.By} was best at {plateau.BestAt:N0}, {best.ToString("G6", CultureInfo.InvariantCulture)}, and no better in the {plateau.Since:N0} since."
        : $"{plateau.By} had no finite value in {plateau.Since:N0}.";

    // These are the machine's and not among the settings, so what goes on with a run has to be told them again.
    private sealed record Given(string Threads, string DataRoot, string Device);

    private static int Train(TrainingRequest request, Given given)
    {
        // A terminal that is closed, or a full disk under the output, is no reason to lose the run.
        Console.SetOut(UnfailingWriter.Of(() => Console.Out));
        using var stop = new Interruption();
        using var run = TrainingRun.Open(request);
        var hasStepped = false;
        var seen = TrainDisplay.Follow(run, progress => run.Train(now =>
        {
            hasStepped = true;
            progress(now);
        }, stop.Token));

        var folder = ShellText.QuotedPath(run.Folder.Path);
        // A TorchScript file runs only where the command names it.
        var script = run.Recipe.Trainer.Features is { } features && File.Exists(features) ? $" --features {ShellText.QuotedPath(features)}" : "";
        var goOn = $"./manifold train {request.Entry.Name} --run {folder}{given.Threads}{given.DataRoot}{given.Device}{script}";
        if (run.Plateau is { } plateau)
        {
            Console.WriteLine(hasStepped
                ? $"Stopped at {seen:N0} examples, on a plateau: {Said(plateau)} Sampling and evaluation take the best: ./manifold sample {folder}{given.Device}"
                : $"This run has ended on a plateau, at {seen:N0} examples: {Said(plateau)} Go on: {goOn} --patience {2 * plateau.Since}, or to the end of its examples, {goOn} --stop-when never --allow-change trainer.stop_when");
            return ExitCodes.Done;
        }
        if (seen < run.Recipe.Trainer.Examples)
        {
            Console.WriteLine($"Stopped and saved at {seen:N0} examples. Go on: {goOn}");
            return ExitCodes.Interrupted;
        }
        Console.WriteLine(Sampling.Samples.CanBeDrawn(run.Plan.Model)
            ? $"{seen:N0} examples done. Pictures: {run.Folder.Path}/fakes*.png  Next: ./manifold sample {folder}{given.Device}"
            : $"{seen:N0} examples done. Next: ./manifold evaluate RUN --metrics fid_{(run.Plan.Model as Models.SmallClassifier)?.Kind}_1000 --features {folder}{given.DataRoot}{given.Device}");
        return ExitCodes.Done;
    }
}
