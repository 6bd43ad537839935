using System.Diagnostics;
using System.Globalization;
using Manifold.Engine;
using Manifold.Recipes;
using Manifold.Training;
using Spectre.Console;

namespace Manifold.Cli.Verbs;

/// <summary>Shows a run as it goes: a live table on a terminal, a line for each line of the log elsewhere.</summary>
internal sealed class TrainDisplay
{
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly double flops;   // to train on one example
    private readonly double peak = Machine.MatrixPeak;
    private long markSeen, markTicks;
    private double rate;
    private readonly long lookEvery;
    private readonly Dictionary<string, (double Value, long At)> latest = [];           // a line has only what was measured for it; a table shows the last of each
    private readonly Dictionary<string, long> said = [];                                // advice is said when it comes up, and again when it comes back
    private long? shownAt;
    private bool isGone;

    private TrainDisplay(double flops, long lookEvery) => (this.flops, this.lookEvery) = (flops, lookEvery);

    public static long Follow(TrainingRun run, Func<Action<TrainingProgress>, long> train)
    {
        var recipe = run.Recipe;
        Console.WriteLine(FirstLine(run));
        var display = new TrainDisplay(run.Workload.TrainingFlops, recipe.Trainer.LookEvery);
        return AnsiConsole.Profile.Capabilities.Interactive && !Console.IsOutputRedirected ? display.Live(train) : train(progress => display.Show(() => display.Line(progress)));
    }

    // What runs, on which data, how its files became splits, and which likelihood the data got.
    private static string FirstLine(TrainingRun run)
    {
        var (data, recipe) = (run.Data, run.Recipe);
        List<string> parts =
        [
            $"{run.Folder.Path}: {(run.IsResumed ? "going on" : "new run")}, {data.Name} {data.Shape}, {data.Train.Count:N0} to train on, " +
            $"{data.Validation.Count:N0} to validate, seed {recipe.Trainer.Seed}, {Machine.Threads} threads",
            .. data.Description,
        ];
        if (recipe.LikelihoodReason is { } reason) parts.Add(reason);
        return string.Join("; ", parts);
    }

    // A terminal that is closed takes no more lines, and the run is yet to be saved.
    private void Show(Action show)
    {
        if (isGone) return;
        try { show(); }
        catch (IOException) { isGone = true; }
    }

    private long Live(Func<Action<TrainingProgress>, long> train)
    {
        var seen = 0L;
        AnsiConsole.Live(new Text("")).Start(context =>
        {
            var drawn = 0L;
            seen = train(progress =>
            {
                Remember(progress);
                if (clock.ElapsedMilliseconds - drawn < 250 && progress.ExamplesSeen < progress.Examples) return;
                drawn = clock.ElapsedMilliseconds;
                Mark(progress);
                Show(() => context.UpdateTarget(Table(progress)));
            });
        });
        return seen;
    }

    private void Line(TrainingProgress progress)
    {
        if (progress.LoggedAt is not { } at || at == shownAt) return;
        shownAt = at;
        Mark(progress);
        Console.WriteLine($"examples {progress.ExamplesSeen:N0}/{progress.Examples:N0}  {string.Join("  ", progress.Values.Select(value => $"{value.Key} {Number(value.Value)}"))}{(rate > 0 ? $"  {Speed()}  left {Left(progress)}" : "")}  rss {Memory()}");
        foreach (var advice in progress.Advice)
        {
            // What is seen only at a look has not gone away in between.
            if (!said.TryGetValue(advice.Name, out var before) || at - before > 2 * lookEvery) Console.WriteLine($"  {advice.Name}: {advice.Sentence}");
            said[advice.Name] = at;
        }
    }

    private void Remember(TrainingProgress progress)
    {
        if (progress.LoggedAt is not { } at || at == shownAt) return;
        shownAt = at;
        foreach (var (name, value) in progress.Values) latest[name] = (value, at);
    }

    private Table Table(TrainingProgress progress)
    {
        var share = (double)progress.ExamplesSeen / progress.Examples;
        var bar = new string('━', (int)(40 * share)).PadRight(40, '─');
        var table = new Table().Border(TableBorder.None).HideHeaders().AddColumns("", "");
        table.AddRow("examples", $"{progress.ExamplesSeen:N0} of {progress.Examples:N0}  {bar} {share:P0}");
        foreach (var (name, (value, at)) in latest) table.AddRow(Markup.Escape(name), at == shownAt ? Number(value) : $"{Number(value)}  at {at:N0}");
        table.AddRow("speed", rate > 0 ? Speed() : "");
        table.AddRow("time", $"{clock.Elapsed:h\\:mm\\:ss}, {Left(progress)} left");
        table.AddRow("memory", Memory());
        foreach (var advice in progress.Advice) table.AddRow(Markup.Escape(advice.Name), Markup.Escape(advice.Sentence));
        return table;
    }

    private void Mark(TrainingProgress progress)
    {
        var ticks = clock.ElapsedTicks;
        if (markSeen == 0) (markSeen, markTicks) = (progress.ExamplesSeen, ticks);   // time before the first step is not the steps'
        if (progress.ExamplesSeen <= markSeen || ticks - markTicks < Stopwatch.Frequency / 5) return;
        rate = (progress.ExamplesSeen - markSeen) * (double)Stopwatch.Frequency / (ticks - markTicks);
        (markSeen, markTicks) = (progress.ExamplesSeen, ticks);
    }

    private string Speed() => $"{rate:N0} examples/s, {rate * flops / 1e9:F1} GFLOP/s ({rate * flops / 1e9 / peak:P0} of {peak:F0})";

    private string Left(TrainingProgress progress) => rate <= 0 ? "?" : TimeSpan.FromSeconds((progress.Examples - progress.ExamplesSeen) / rate)
        .ToString(@"h\:mm\:ss", CultureInfo.InvariantCulture);

    private static string Memory() => $"{Machine.ResidentBytes / 1e6:N0} MB";

    private static string Number(double value) => value.ToString(Math.Abs(value) is >= 1000 or < 0.001 and not 0 ? "0.###e0" : "0.####", CultureInfo.InvariantCulture);
}
