using System.Text.Json.Serialization;
using Manifold.Data;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Training;

/// <summary>How long a run is and how often it pauses to log, to look at itself and to save. Everything is counted in examples.</summary>
public sealed record TrainerSettings
{
    public long Examples { get; init; } = 1_000_000;        // stop after this many
    public int BatchSize { get; init; } = 128;              // examples in a step
    public long LogEvery { get; init; } = 10_000;           // examples between lines of the log
    public long LookEvery { get; init; } = 100_000;         // examples between looks of the observers: grids, validation
    public long SaveEvery { get; init; } = 100_000;         // examples between checkpoints
    public long? KeepEvery { get; init; }                   // keep the checkpoints at multiples of this many examples; none if null
    public StopWhen StopWhen { get; init; }                 // never, or plateau: when no look was better for as long as patience
    public long? Patience { get; init; }                    // examples without a better score that a plateau is; five looks if null
    public string? BestBy { get; init; }                    // the value that decides which checkpoint is the best, logged or of samples (fid_lenet_1000); the recipe's own if null
    public string? Features { get; init; }                  // where a metric of samples has its features from: a run of features, or a TorchScript file
    public double EmaHalfLife { get; init; } = 10_000;      // examples after which a weight counts half in the average
    public double? EmaRampUp { get; init; } = 0.05;         // that half-life is at most this share of the examples seen, so that the start is forgotten; no limit if null
    public long Seed { get; init; }                         // of the initial weights, the order of the data and all noise

    /// <summary>Examples without a better score that a plateau is.</summary>
    [JsonIgnore] public long PatienceInExamples => Patience ?? 5 * LookEvery;

    /// <exception cref="ArgumentOutOfRangeException">A count is not positive; the message names the setting.</exception>
    public TrainerSettings Validated()
    {
        SettingChecks.NeedPositive(Examples, "trainer.examples");
        SettingChecks.NeedPositive(BatchSize, "trainer.batch_size");
        SettingChecks.NeedPositive(LogEvery, "trainer.log_every");
        SettingChecks.NeedPositive(LookEvery, "trainer.look_every");
        SettingChecks.NeedPositive(SaveEvery, "trainer.save_every");
        if (KeepEvery is { } keep) SettingChecks.NeedPositive(keep, "trainer.keep_every");
        if (Patience is { } patience) SettingChecks.NeedPositive(patience, "trainer.patience");
        SettingChecks.NeedPositive(EmaHalfLife, "trainer.ema_half_life");
        if (EmaRampUp is { } share) SettingChecks.NeedPositive(share, "trainer.ema_ramp_up");
        return this;
    }
}

/// <summary>What a run says while it goes on.</summary>
/// <param name="Values">The last line of the log.</param>
/// <param name="Advice">What that line shows signs of.</param>
public readonly record struct TrainingProgress(long ExamplesSeen, long Examples, IReadOnlyDictionary<string, double> Values, IReadOnlyList<Advice> Advice)
{
    /// <summary>Examples seen when that line was written; null before the first.</summary>
    public long? LoggedAt { get; init; }
}

/// <summary>Owns all that every algorithm shares: memory, seeding, averages, the log, checkpoints, stopping. Knows no model.</summary>
public sealed class Trainer(IAlgorithm algorithm, BatchAt data, TrainerSettings settings, IRunStore run, Device device) : IDisposable
{
    private readonly TrainerSettings settings = settings.Validated();
    private readonly Meter meter = new();

    /// <summary>Who looks at the run every <see cref="TrainerSettings.LookEvery"/> examples.</summary>
    public IReadOnlyList<IObserver> Observers { get; init; } = [];

    /// <summary>Who reads each new line of the log.</summary>
    public IReadOnlyList<IAdvisor> Advisors { get; init; } = [];

    /// <summary>The logged value, from an observer or a loss, that decides which checkpoint is the best; null for none.</summary>
    public Ranking? BestBy { get; init; }

    /// <summary>The best score so far and how long ago it was, in a run that stops when there is no better; null in others.</summary>
    public Plateau? Plateau { get; } = settings.StopWhen == StopWhen.Plateau ? new Plateau(settings.PatienceInExamples, settings.LookEvery) : null;

    /// <summary>Told what else it does that takes time.</summary>
    public Action<string>? Say { get; init; }

    /// <summary>Called before the first step of a new run and after every step, on the training thread.</summary>
    public Action<TrainingProgress>? Progress { get; init; }

    /// <summary>Trains until the examples are seen, a plateau is reached or a stop is asked for; each way a checkpoint is the last thing written.</summary>
    /// <returns>The examples seen.</returns>
    /// <exception cref="ArgumentOutOfRangeException">It is to stop on a plateau, and nothing says which weights are better.</exception>
    /// <exception cref="NonFiniteException">A loss or a weight became NaN or infinite; the last checkpoint from before is
    /// whole.</exception>
    public long Run(CancellationToken stop = default)
    {
        SettingChecks.Need(Plateau is null || BestBy is not null, "trainer.stop_when", "plateau", "trainer.best_by, a value that says which weights are better");
        foreach (var network in algorithm.Networks.Values) network.train();
        var ema = algorithm.Averaged.ToDictionary(name => name, name => new Ema(algorithm.Networks[name], settings.EmaHalfLife, settings.EmaRampUp ?? double.PositiveInfinity));
        try
        {
            return Run(ema, Everything(ema), stop);
        }
        finally
        {
            foreach (var average in ema.Values) average.Dispose();
        }
    }

    /// <summary>Frees what it remembers of the run; the networks and the store stay.</summary>
    public void Dispose()
    {
        meter.Dispose();
        Plateau?.Dispose();
    }

    private long Run(Dictionary<string, Ema> ema, TensorGroups tensors, CancellationToken stop)
    {
        var resumed = run.Resume(tensors);
        var seen = resumed ?? 0;
        meter.Restore(tensors.Pending, device);
        Plateau?.Begin(seen);
        IReadOnlyDictionary<string, double> line = new Dictionary<string, double>();
        long? loggedAt = null;
        if (resumed is null)
        {
            Start(ema);
            ExpectFinite();
            line = Line(0, isLook: true, out _);
            run.Log(0, line);
            Save(BestBy?.ScoreOf(line));                     // so that there is always a good one to go back to
            Progress?.Invoke(new TrainingProgress(0, settings.Examples, line, []) { LoggedAt = loggedAt = 0 });
        }

        var saved = seen;
        IReadOnlyList<Advice> advice = [];
        while (seen < settings.Examples && Plateau?.IsReached is not true && !stop.IsCancellationRequested)
        {
            var before = seen;
            var isBest = false;
            seen += Step(seen, ema);
            bool isLog = Due(settings.LogEvery), isLook = Due(settings.LookEvery), isSave = Due(settings.SaveEvery);
            if (isLog || isLook || isSave)
            {
                if (isLook || isSave) ExpectFinite();
                line = Line(seen, isLook, out isBest);
                run.Log(seen, line);
                loggedAt = seen;
                advice = [.. Advisors.SelectMany(advisor => advisor.Read(seen, line, algorithm))];
                foreach (var one in advice) run.Note(seen, one);
            }
            // A score belongs to the weights that it was taken of.
            if (isSave || isBest || Plateau?.IsReached is true) Save(isLook ? BestBy?.ScoreOf(line) : null);
            Progress?.Invoke(new TrainingProgress(seen, settings.Examples, line, advice) { LoggedAt = loggedAt });

            bool Due(long every) => Crossed(before, seen, every) || seen >= settings.Examples;
        }
        if (saved == seen) return seen;

        ExpectFinite();                                      // a stop was asked for between two checkpoints
        Save(score: null);
        return seen;

        // Losses are means since the last line; nothing is repeated from it.
        Dictionary<string, double> Line(long at, bool isLook, out bool isBest)
        {
            var values = meter.Drain().ToDictionary();
            if (FirstNonFinite(values) is { } loss) throw Diagnose(loss, at, tensors, ema, stop);
            isBest = isLook && LookAround(at, ema, values);
            return values;
        }

        void Save(double? score)
        {
            tensors.Pending = meter.Pending;
            run.Save(saved = seen, tensors, score);
        }

        // What is not finite is never saved, so that the last checkpoint is always one to go back to.
        void ExpectFinite()
        {
            if (FirstNonFinite(meter.Pending.ToDictionary(sum => sum.Key, sum => sum.Value.Sum)) is { } loss)
                throw Diagnose(loss, seen, tensors, ema, stop);
            if (tensors.FirstNonFinite() is { } bad) throw Diagnose(bad, seen, tensors, ema, stop);
        }
    }

    private static string? FirstNonFinite(IReadOnlyDictionary<string, double> values) =>
        values.Where(value => !double.IsFinite(value.Value)).Select(value => value.Key).FirstOrDefault();

    private void Start(Dictionary<string, Ema> ema)
    {
        using var scope = NewDisposeScope();
        manual_seed(Seeds.At(settings.Seed, 0));
        algorithm.Start(data(0, algorithm.BatchSize(0)).To(device));
        foreach (var average in ema.Values) average.Restart();
    }

    /// <summary>One step at a position: everything random in it is decided by (seed, examples seen).</summary>
    private long Step(long seen, Dictionary<string, Ema> ema)
    {
        using var scope = NewDisposeScope();                                  // tensors made in a step die with it
        manual_seed(Seeds.At(settings.Seed, seen));
        var batch = data(seen, algorithm.BatchSize(seen)).To(device);
        meter.Add(algorithm.Step(batch, seen));
        foreach (var average in ema.Values) average.Update(batch.Count, seen + batch.Count);
        return batch.Count;
    }

    // Observers see the averaged weights in evaluation mode, and leave no trace: the next step seeds itself anew.
    // Says whether they are the best that a run with a plateau has had.
    private bool LookAround(long seen, Dictionary<string, Ema> ema, Dictionary<string, double> values)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var swaps = ema.Values.Select(average => average.SwappedIn()).ToList();
        try
        {
            foreach (var network in algorithm.Networks.Values) network.eval();
            foreach (var observer in Observers)
                foreach (var (name, value) in observer.Look(new Moment(seen, seen >= settings.Examples, algorithm)))
                    values[name] = value;
        }
        finally
        {
            foreach (var network in algorithm.Networks.Values) network.train();
            foreach (var swap in swaps) swap.Dispose();
        }
        return Plateau?.Note(seen, BestBy?.ScoreOf(values)) ?? false;
    }

    /// <summary>Goes back to the last checkpoint and repeats the steps, which are the same steps, looking after each for what went bad first.</summary>
    /// <param name="what">What was seen to be NaN or infinite, in words.</param>
    private NonFiniteException Diagnose(string what, long seen, TensorGroups tensors, Dictionary<string, Ema> ema, CancellationToken stop)
    {
        if (run.Load(tensors) is not { } from) return new NonFiniteException(what, seen, null, FirstBad(), OptimizerPaths);
        Say?.Invoke($"{what} is NaN or infinite at {seen:N0} examples. The {seen - from:N0} examples since the checkpoint are repeated, " +
            "to find what became so first; Ctrl-C ends the search.");
        meter.Restore(tensors.Pending, device);
        for (var at = from; at < seen && !stop.IsCancellationRequested;)
        {
            var next = at + Step(at, ema);
            var loss = FirstNonFinite(meter.Drain());
            if ((FirstBad() ?? tensors.FirstNonFinite() ?? loss) is { } first)
                return new NonFiniteException(loss ?? what, at, from, first == loss ? null : first, OptimizerPaths);
            at = next;
        }
        return new NonFiniteException(what, seen, from, null, OptimizerPaths);
    }

    // An optimizer of the one model stands under "optimizer", one of several under its network's name.
    private IReadOnlyList<string> OptimizerPaths => [.. algorithm.Optimizers.Keys.Select(name => name == "model" ? "optimizer" : name)];

    private string? FirstBad() => Finite.FirstBad(
        from network in algorithm.Networks
        from parameter in network.Value.named_parameters()
        from entry in new[] { ("gradient", parameter.parameter.grad), ("value", (Tensor)parameter.parameter) }
        where entry.Item2 is { IsInvalid: false }
        select ($"network {network.Key}, parameter {parameter.name} ({entry.Item1})", entry.Item2!));

    private TensorGroups Everything(Dictionary<string, Ema> ema)
    {
        var groups = new Dictionary<string, IReadOnlyDictionary<string, Tensor>>
        {
            ["model"] = Prefixed(algorithm.Networks, network => network.state_dict()),
            ["ema"] = Prefixed(ema, average => average.Tensors),
            ["optimizer"] = Prefixed(algorithm.Optimizers, optimizer => optimizer.State),
            ["state"] = algorithm.State,
        };
        if (Plateau is not null) groups["plateau"] = Plateau.State;
        return new TensorGroups(groups)
        {
            MayLack = ["plateau"],                           // the checkpoint may be of a time when the run was to go on
            MayBeInfinite = ["plateau"],                     // the best score, before there is one
        };
    }

    private static Dictionary<string, Tensor> Prefixed<T>(IReadOnlyDictionary<string, T> parts, Func<T, IEnumerable<KeyValuePair<string, Tensor>>> tensors) =>
        parts.SelectMany(part => tensors(part.Value).Select(tensor => ($"{part.Key}.{tensor.Key}", tensor.Value))).ToDictionary();

    private static bool Crossed(long before, long now, long every) => before / every != now / every;
}

/// <summary>A loss or a weight became NaN or infinite. The run stops; its last checkpoint from before is whole.</summary>
/// <param name="what">A loss, or a tensor in words.</param>
/// <param name="goodCheckpoint">Examples seen at the newest checkpoint, whose numbers are all finite; null if there is
/// none.</param>
/// <param name="culprit">What became so first; null if that was not found.</param>
public sealed class NonFiniteException(string what, long examplesSeen, long? goodCheckpoint, string? culprit, IReadOnlyList<string> optimizers) : Exception(
    $"{what} became NaN or infinite at {examplesSeen:N0} examples{(culprit is null ? "" : $"; first to go bad: {culprit}")}. {Saved(goodCheckpoint)} {Remedy(optimizers)}")
{
    public long ExamplesSeen { get; } = examplesSeen;
    public string? Culprit { get; } = culprit;

    private static string Saved(long? checkpoint) =>
        checkpoint is { } at
            ? $"The checkpoint at {at:N0} examples is whole, and its numbers are finite." : "No checkpoint was saved.";

    private static string Remedy(IReadOnlyList<string> optimizers)
    {
        string Change(string setting) => string.Join(" ", optimizers.Select(path => $"--set {path}.{setting} --allow-change {path}.{setting.Split('=')[0]}"));
        return $"The usual remedy is to go on with a lower learning rate ({Change("learning_rate=...")}) or with clipping ({Change("clip_norm=1")}).";
    }
}
