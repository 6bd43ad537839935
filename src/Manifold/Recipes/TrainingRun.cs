using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Models;
using Manifold.Pictures;
using Manifold.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Recipes;

/// <summary>What a run is asked for.</summary>
public sealed record TrainingRequest(RecipeEntry Entry)
{
    public IReadOnlyList<string> Changes { get; init; } = [];          // path=value, on top of the recipe or of the folder's settings
    public string? Folder { get; init; }                               // where; null makes the next numbered folder under Root
    public string Root { get; init; } = "runs";
    public string? DataRoot { get; init; }                             // where data sets are looked for by name
    public Device Device { get; init; } = CPU;
    public IReadOnlyList<string> AllowChange { get; init; } = [];      // paths that a resume may change
    public Action<string> Warn { get; init; } = _ => { };
}

/// <summary>A recipe, its data, its networks and its folder, ready to train; in a folder that has a checkpoint, ready to go on.</summary>
public sealed partial class TrainingRun : IDisposable
{
    private readonly TrainingRequest request;

    private TrainingRun(TrainingRequest request, Recipe recipe, DataSet data, Plan plan, Judges judges, RunFolder folder, bool isResumed) =>
        (this.request, Recipe, Data, Plan, Judges, Folder, IsResumed) = (request, recipe, data, plan, judges, folder, isResumed);

    public Recipe Recipe { get; }
    public DataSet Data { get; }
    public Plan Plan { get; }
    public Judges Judges { get; }
    public RunFolder Folder { get; }
    public bool IsResumed { get; }

    /// <summary>Why it ended before its examples were seen; null while it has not.</summary>
    public PlateauReached? Plateau { get; private set; }

    /// <summary>What a step of this run does; taken on networks of its own, so that the run's are not touched.</summary>
    public Workload Workload => Workload.Of(Recipe, Data, request.Device);

    /// <summary>Opens the data, builds the networks and makes or opens the folder. Nothing is written before all else has succeeded.</summary>
    /// <exception cref="SettingsException">A setting is wrong, or differs from the folder's; the message lists the differences.</exception>
    public static TrainingRun Open(TrainingRequest request)
    {
        var stored = Stored(request);
        if (stored is not null && stored.Recipe != request.Entry.Name)
            throw new SettingsException($"{request.Folder} is a run of {stored.Recipe}, not of {request.Entry.Name}. Name another folder, or train {stored.Recipe}.");

        var before = WithFullPath(stored is null ? request.Entry.Default : stored.ToRecipe(ConfigOf(request.Folder!), request.Entry));
        var recipe = WithFullPath(Settings.With(before, request.Changes));
        recipe.Trainer.Validated();
        if (recipe.Trainer.StopWhen != StopWhen.Plateau && request.Changes.Any(change => Settings.PathOf(change) == "trainer.patience"))
            throw new SettingsException($"trainer.patience is {recipe.Trainer.Patience}, and trainer.stop_when is never, which waits for nothing. Add --stop-when plateau.");
        if (request.Folder?.Trim().Length == 0)
            throw new SettingsException("The run's folder has no name; leave --run out for the next numbered one.");
        var data = DataSet.Open(recipe.Data, request.DataRoot);
        if (stored is null) (recipe, data) = Recipe.FitTo(recipe, data, request.Entry, request.Changes, request.DataRoot);
        var config = new RunConfig(request.Entry.Name, recipe.ToJson(), DataFacts.Of(data)) { Changes = stored?.Changes ?? [] };
        if (stored is not null) config = Accepted(request, stored with { Settings = before.ToJson() }, config, before.Trainer, recipe.Trainer);
        foreach (var warning in data.Warnings) request.Warn(warning);
        if (stored is { Data.Splits: null } && data.HasOtherTenthThanBefore)
            request.Warn($"{request.Folder} was begun by an older Manifold, which may have kept another tenth of {data.Name} for validation: " +
                "from here on validation may have pictures that were trained on. For a clean validation, start a new folder.");
        if (data.Skipped > 0) request.Warn($"{data.Skipped:N0} pictures of {data.Name} could not be read and are left out.");
        Workload.Of(recipe, data, request.Device).ExpectMemory();
        var plan = Build(recipe, config.Data, request.Device);
        var features = request.Changes.Any(change => Settings.PathOf(change) == "trainer.features")
            ? new ScriptConsent(request.Warn, before.Trainer.Features is null ? null : stored?.Extractor) : null;
        Judges? judges = null;
        try
        {
            judges = Judges.Of(request.Entry.Name, recipe, plan, data, request.Device, features);
            if (stored is not null) ExpectSameScores(request, before.Trainer.BestBy ?? plan.BestBy, stored.Extractor, judges);
            var folder = FolderFor(request, recipe, config with { Extractor = judges.Extractor }, data, isNew: stored is null);
            return new TrainingRun(request, recipe, data, plan, judges, folder, stored is not null);
        }
        catch
        {
            judges?.Dispose();
            plan.Dispose();
            throw;
        }
    }

    private static string ConfigOf(string folder) => Path.Combine(folder, "config.json");

    // Null for a new run.
    private static RunConfig? Stored(TrainingRequest request)
    {
        if (request.Folder is not { } folder || folder.Trim().Length == 0) return null;
        RunFolder.ExpectNewOrWhole(folder);
        return RegularFile.KindOf(ConfigOf(folder)) == FileKind.Missing
            ? null : RunConfig.Parse(RunFolder.Read(folder).ConfigJson, ConfigOf(folder));
    }

    // A set and features by their paths, so that the run finds them from any folder.
    private static Recipe WithFullPath(Recipe recipe)
    {
        var features = recipe.Trainer.Features is { } path && Path.Exists(path) ? Path.GetFullPath(path) : recipe.Trainer.Features;
        return recipe with { Data = recipe.Data.WithFullPath(), Trainer = recipe.Trainer with { Features = features } };
    }

    /// <summary>The recipe's networks as they are before the first step: initial weights are a function of the seed.</summary>
    public static Plan Build(Recipe recipe, DataFacts data, Device device)
    {
        manual_seed(Seeds.At(recipe.Trainer.Seed, 0, "weights"));
        return recipe.Build(data, device);
    }

    /// <summary>Trains to the end, to a plateau where the settings stop there, or until a stop is asked for; returns the examples seen.</summary>
    public long Train(Action<TrainingProgress>? progress = null, CancellationToken stop = default)
    {
        using var batches = new Prefetch(Data.Train.Shuffled(Recipe.Trainer.Seed, Recipe.Range));
        using var trainer = new Trainer(Plan.Algorithm, batches.At, Recipe.Trainer, Folder, request.Device)
        {
            Observers = [.. Recipe.Drawings(Plan, Folder, Data, request.Device), .. Judges.Watches],
            Advisors = Recipe.Advisors(Data),
            BestBy = Judges.By,
            Progress = progress,
            Say = request.Warn,
        };
        long seen;
        try { seen = trainer.Run(stop); }
        catch
        {
            TryWriteCard();
            throw;
        }
        if (seen < Recipe.Trainer.Examples && trainer.Plateau is { IsReached: true } plateau)
            Plateau = Reached(seen, Judges.By!, plateau);
        WriteCard();
        return seen;
    }

    private static PlateauReached Reached(long seen, Ranking by, Plateau plateau) =>
        new(seen, by.Name, double.IsFinite(plateau.Best) ? by.Turned(plateau.Best) : null, plateau.BestAt, plateau.Since);

    // After a failure: what went wrong first is what the caller is to hear of.
    private void TryWriteCard()
    {
        try { WriteCard(); }
        catch (Exception e) when (e is CheckpointException or SettingsException or IOException or UnauthorizedAccessException)
        {
            request.Warn($"The run's README.md is not up to date: {e.Message}");
        }
    }

    private void WriteCard()
    {
        var reader = RunFolder.Read(Folder.Path);
        Folder.WriteCard(ModelCard.Of(request.Entry, Recipe, RunConfig.Parse(reader.ConfigJson, Folder.Path), reader, Judges.By,
            Plan.Algorithm.BatchSize(0), Plan.Algorithm.Networks.Values.Sum(network => network.parameters().Sum(parameter => parameter.numel())), Metrics.Watched(Plan.Model) is [var first, ..] ? first.Metric : SampleScore.Suggested(Data)));
    }

    /// <summary>Lets go of the folder, and frees the networks and what their optimizers remember.</summary>
    public void Dispose()
    {
        Folder.Dispose();
        Judges.Dispose();
        Plan.Dispose();
    }

    private static RunFolder FolderFor(TrainingRequest request, Recipe recipe, RunConfig config, DataSet data, bool isNew)
    {
        var saysItsSet = config.Recipe.EndsWith($"-{config.Data.Name}", StringComparison.Ordinal);       // gan-ring
        var folder = request.Folder is null
            ? RunFolder.Create(request.Root, saysItsSet ? config.Recipe : $"{config.Recipe}-{config.Data.Name}", request.Warn)
            : RunFolder.Open(request.Folder, request.Warn);
        folder.KeepEvery = recipe.Trainer.KeepEvery;
        try { WriteFacts(folder, request, config, data, isNew); }
        catch
        {
            folder.Dispose();
            throw;
        }
        return folder;
    }

    // A run has begun when it has a config.json. The rest of a new run is written before it, and the record of a change before
    // the change: wherever a kill falls, the same command goes on.
    private static void WriteFacts(RunFolder folder, TrainingRequest request, RunConfig config, DataSet data, bool isNew)
    {
        var environment = RunEnvironment.Here(request.Device).ToJson();
        if (isNew) folder.WriteEnvironment(environment);
        folder.WriteConfig(config.ToJson());
        if (!isNew) folder.WriteEnvironment(environment);
        using var scope = NewDisposeScope();
        if (!File.Exists(Path.Combine(folder.Path, "reals.png")))
            folder.Picture("reals.png", "reals", 0, Sheet.Of(data.Train.InOrder(0, Math.Min(data.Shape.IsPoint ? 5000 : 64, data.Train.Count), PixelRange.Unit).X, columns: 8).ToPng());
    }

    // A run goes on only as what it was: more examples and more patience are welcome, any other change must be allowed by name, and is recorded.
    private static RunConfig Accepted(TrainingRequest request, RunConfig stored, RunConfig now, TrainerSettings before, TrainerSettings after)
    {
        var was = Compared(stored, StoredEnvironment(request));
        var here = Compared(now, RunEnvironment.Here(request.Device).ToJson());
        var changes = SettingsDiff.Compare(was, here).Where(change => !Grows(change) && !(change.Path == "trainer.patience" && after.PatienceInExamples >= before.PatienceInExamples)).ToList();
        var refused = changes.Where(change => !IsAllowed(request, change.Path)).ToList();
        if (refused.Count > 0)
            throw new SettingsException(
                $"{request.Folder} was made with other settings:\n{string.Join("\n", refused.Select(change => $"  {change.Path} was {change.Stored}; now {change.Now}"))}\n" +
                $"Restore them{Restoring(refused)}, start a new folder, or allow what differs with {string.Join(" ", refused.Select(change => $"--allow-change {change.Path}"))}.");

        var seen = RunFolder.Read(request.Folder!).Newest?.ExamplesSeen ?? 0;
        var added = changes.Select(change => new AllowedChange(seen, change.Path, change.Stored, change.Now))
            .Where(change => !stored.Changes.Contains(change));         // a kill after the record, and the same command again
        return now with { Changes = [.. stored.Changes, .. added] };
    }

    // The options of train that do it; a value that they would not take is not advised.
    private static string Restoring(IReadOnlyList<SettingsDiff.Difference> refused)
    {
        string? Stored(string path) => refused.FirstOrDefault(change => change.Path == path)?.Stored;
        var options = new List<string>();
        if (int.TryParse(Stored("environment.threads"), out var threads) && threads is > 0 and <= RunEnvironment.MostThreads)
            options.Add($"--threads {threads}");
        if (Stored("environment.device")?.Trim('"') is { } device && DeviceName().IsMatch(device))
            options.Add($"--device {device}{(IsHere(device) ? "" : ", on a machine that has it")}");
        return options.Count == 0 ? "" : $" ({string.Join(" ", options)})";
    }

    private static bool IsHere(string device) =>
        device == "cpu" || cuda.is_available() && new Device(device).index < cuda.device_count();

    [GeneratedRegex(@"^(cpu|cuda(:[0-9]{1,4})?)\z")]
    private static partial Regex DeviceName();

    private const string AnyEnvironment = "environment";

    private static bool IsAllowed(TrainingRequest request, string path) =>
        request.AllowChange.Contains(path) || path.StartsWith($"{AnyEnvironment}.", StringComparison.Ordinal)
            && request.AllowChange.Contains(AnyEnvironment);

    private static JsonObject StoredEnvironment(TrainingRequest request)
    {
        var file = Path.Combine(request.Folder!, "environment.json");
        if (RunEnvironment.Stored(file) is { } stored) return stored;
        return request.AllowChange.Contains(AnyEnvironment) ? []
            : throw new SettingsException(
                $"{file} is missing. It says with which libtorch, threads and CPU the run was trained, on which its bytes depend. " +
                $"Restore it, or go on without it, perhaps to other bytes, with --allow-change {AnyEnvironment}.");
    }

    // A folder's best is the lowest of its checkpoints' scores, so these must be of one kind.
    private static void ExpectSameScores(TrainingRequest request, string? by, string? extractor, Judges now)
    {
        if ((by, extractor) == (now.By?.Name, now.Extractor)) return;
        if (RunFolder.Read(request.Folder!).Checkpoints.All(checkpoint => checkpoint.Score is null)) return;
        string Said(string? name, string? hash) => $"{name ?? "nothing"}{(hash is null ? "" : $" of the extractor {hash}")}";
        throw new SettingsException($"{request.Folder} ranks its checkpoints by {Said(by, extractor)}; now by {Said(now.By?.Name, now.Extractor)}, and the two cannot be compared. Restore trainer.best_by and trainer.features, or start a new folder.");
    }

    private static JsonObject Compared(RunConfig config, JsonObject environment)
    {
        var all = config.Settings.DeepClone().AsObject();
        all["data"]!["fingerprint"] = config.Data.Fingerprint;
        all["environment"] = new JsonObject(RunEnvironment.Deciding
            .Select(key => KeyValuePair.Create(key, environment[key]?.DeepClone())));
        return all;
    }

    private static bool Grows(SettingsDiff.Difference change) =>
        change.Path == "trainer.examples" && long.TryParse(change.Stored, out var was) && long.TryParse(change.Now, out var now) && now >= was;
}

/// <summary>A run that ended because its scores no longer became better.</summary>
/// <param name="ExamplesSeen">When it ended.</param>
/// <param name="By">The value that was to become better.</param>
/// <param name="Best">The best of it, as logged; null where no look had one.</param>
/// <param name="BestAt">Examples seen by then.</param>
/// <param name="Since">Examples from there, or from the start where there is no best, to the last look.</param>
public sealed record PlateauReached(long ExamplesSeen, string By, double? Best, long BestAt, long Since);
