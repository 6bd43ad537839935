using System.Diagnostics;
using System.Globalization;

namespace Manifold.Bench;

/// <summary>The measurement behind docs/decisions/0004-threads-that-wait.md: steps of `vae` in processes whose threads spin so long, on a free machine and beside a busy one.</summary>
internal static class WaitTable
{
    private static readonly int[] spins = [0, 1_000, 10_000, 300_000];   // the last is libgomp's own choice

    public static void Print()
    {
        Console.WriteLine($"{"spins",10}{"alone, ms",12}{"beside a busy thread, ms",28}");
        var alone = spins.ToDictionary(n => n, _ => new List<double>());
        var beside = spins.ToDictionary(n => n, _ => new List<double>());
        for (var round = 0; round < 5; round++)
            foreach (var n in spins)
            {
                alone[n].Add(Child(n));
                using var busy = new Busy();
                beside[n].Add(Child(n));
            }
        foreach (var n in spins) Console.WriteLine($"{n,10:N0}{Stopwatches.Median(alone[n]),12:F2}{Stopwatches.Median(beside[n]),28:F2}");
    }

    /// <summary>In the child: the mean time of a step, milliseconds.</summary>
    public static void PrintChild()
    {
        var work = VaeBench.Step();
        for (var i = 0; i < 20; i++) work.Step();
        var times = new List<double>();
        for (var all = Stopwatch.StartNew(); all.ElapsedMilliseconds < 1500;)
        {
            var start = Stopwatch.GetTimestamp();
            work.Step();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        Console.WriteLine(times.Average().ToString(CultureInfo.InvariantCulture));   // not the median: waiting comes in lumps
    }

    private static double Child(int spin)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["--table", "waits-child"]) { RedirectStandardOutput = true };
        start.Environment["GOMP_SPINCOUNT"] = spin.ToString(CultureInfo.InvariantCulture);
        using var process = Process.Start(start)!;
        var printed = process.StandardOutput.ReadToEnd();
        return double.Parse(printed, CultureInfo.InvariantCulture);
    }

    private sealed class Busy : IDisposable
    {
        private volatile bool done;
        private readonly Thread thread;

        public Busy()
        {
            thread = new Thread(() => { while (!done) { } });
            thread.Start();
        }

        public void Dispose()
        {
            done = true;
            thread.Join();
        }
    }
}
