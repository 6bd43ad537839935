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
    private IReadOnlyDictionary<string, double> printed = new Dictionary<string, double>();

    private HashSet<string> said = [];                  // advice is said when it comes up, and again when it comes back

    private TrainDisplay(double flops) => this.flops = flops;

    public static long Follow(TrainingRun run, Func<Action<TrainingProgress>, long> train)
    {
        var recipe = run.Recipe;
        Console.WriteLine($"{run.Folder.Path}: {(run.IsResumed ? "going on" : "new run")}, {run.Data.Name} {run.Data.Shape}, {run.Data.Train.Count:N0} to train on, {run.Data.Validation.Count:N0} to validate, seed {recipe.Trainer.Seed}, {Machine.Threads} threads{(recipe.LikelihoodReason is { } reason ? $"; {reason}" : "")}");
        var display = new TrainDisplay(run.Workload.TrainingFlops);
        return AnsiConsole.Profile.Capabilities.Interactive && !Console.IsOutputRedirected ? display.Live(train) : train(display.Line);
    }

    private long Live(Func<Action<TrainingProgress>, long> train)
    {
        var seen = 0L;
        AnsiConsole.Live(new Text("")).Start(context =>
        {
            var drawn = 0L;
            seen = train(progress =>
            {
                if (clock.ElapsedMilliseconds - drawn < 250 && progress.ExamplesSeen < progress.Examples) return;
                drawn = clock.ElapsedMilliseconds;
                Mark(progress);
                context.UpdateTarget(Table(progress));
            });
        });
        return seen;
    }

    private void Line(TrainingProgress progress)
    {
        if (printed.SequenceEqual(progress.Values)) return;
        printed = progress.Values.ToDictionary();
        Mark(progress);
        Console.WriteLine($"examples {progress.ExamplesSeen:N0}/{progress.Examples:N0}  {string.Join("  ", progress.Values.Select(value => $"{value.Key} {Number(value.Value)}"))}{(rate > 0 ? $"  {Speed()}  left {Left(progress)}" : "")}  rss {Memory()}");
        foreach (var advice in progress.Advice.Where(advice => !said.Contains(advice.Name))) Console.WriteLine($"  {advice.Name}: {advice.Sentence}");
        said = [.. progress.Advice.Select(advice => advice.Name)];
    }

    private Table Table(TrainingProgress progress)
    {
        var share = (double)progress.ExamplesSeen / progress.Examples;
        var bar = new string('━', (int)(40 * share)).PadRight(40, '─');
        var table = new Table().Border(TableBorder.None).HideHeaders().AddColumns("", "");
        table.AddRow("examples", $"{progress.ExamplesSeen:N0} of {progress.Examples:N0}  {bar} {share:P0}");
        foreach (var (name, value) in progress.Values) table.AddRow(Markup.Escape(name), Number(value));
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
