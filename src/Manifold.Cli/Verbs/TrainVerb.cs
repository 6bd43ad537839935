using System.CommandLine;
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
        var device = Verb.Device();
        var threads = Verb.Threads();
        var allow = new Option<string[]>("--allow-change") { Description = "A setting that a resume may change; recorded in config.json.", HelpName = "a.b", DefaultValueFactory = _ => [] };
        var dryRun = new Option<bool>("--dry-run") { Description = "Show the settings, the layers, the work and the memory, and stop." };

        var command = new Command("train", "Train a recipe, or go on with a run.") { recipe, data, dataRoot, run, examples, set, seed, device, threads, allow, dryRun };
        command.SetAction(parsed => Verb.Do(() =>
        {
            Verb.UseThreads(parsed.GetValue(threads));
            var request = new TrainingRequest(RecipeList.Find(parsed.GetRequiredValue(recipe)))
            {
                Changes =
                [
                    .. parsed.GetValue(set)!,
                    .. parsed.GetValue(data) is { } name ? [$"data.set={System.Text.Json.JsonSerializer.Serialize(name)}"] : Array.Empty<string>(),
                    .. parsed.GetValue(examples) is { } n ? [$"trainer.examples={n}"] : Array.Empty<string>(),
                    .. parsed.GetValue(seed) is { } s ? [$"trainer.seed={s}"] : Array.Empty<string>(),
                ],
                Folder = parsed.GetValue(run),
                DataRoot = parsed.GetValue(dataRoot),
                Device = Verb.DeviceOf(parsed.GetValue(device)!),
                AllowChange = parsed.GetValue(allow)!,
                Warn = warning => Console.Error.WriteLine($"manifold: {warning}"),
            };
            return parsed.GetValue(dryRun) ? DryRun.Print(request) : Train(request);
        }));
        return command.WithExample("./manifold train vae --examples 200000 --run runs/first");
    }

    private static int Train(TrainingRequest request)
    {
        using var stop = new Interruption();
        using var run = TrainingRun.Open(request);
        var seen = TrainDisplay.Follow(run, progress => run.Train(progress, stop.Token));

        var goOn = $"./manifold train {request.Entry.Name} --run {run.Folder.Path}";
        if (seen < run.Recipe.Trainer.Examples)
        {
            Console.WriteLine($"Stopped and saved at {seen:N0} examples. Go on: {goOn}");
            return ExitCodes.Interrupted;
        }
        Console.WriteLine(Sampling.Samples.CanBeDrawn(run.Plan.Model)
            ? $"{seen:N0} examples done. Pictures: {run.Folder.Path}/fakes*.png  Next: ./manifold sample {run.Folder.Path}"
            : $"{seen:N0} examples done. Next: ./manifold evaluate RUN --metrics fid_{(run.Plan.Model as Models.SmallClassifier)?.Kind}_1000 --features {run.Folder.Path}");
        return ExitCodes.Done;
    }
}
