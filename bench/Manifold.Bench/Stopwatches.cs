using System.Diagnostics;
using static TorchSharp.torch;

namespace Manifold.Bench;

/// <summary>Times on a machine that others may use too: short segments in turn, of which the quietest rounds count, and medians of those.</summary>
internal static class Stopwatches
{
    private const int Counted = 15, AtMost = 40;          // rounds
    private const double SegmentMs = 60, Quiet = 0.02;     // a round with a smaller share of contention is as good as alone
    private const double FairShare = 0.7;

    /// <summary>Runs our step and the peer's in turn, several times.</summary>
    public static Measured Duel(Row row, PeerPlace? place, int threads)
    {
        var work = row.Prepare();
        var count = Calibrate(work.Step);
        using var peer = place is null || row.Peer is null ? null : new Peer(place, row.Peer, threads);
        var peerCount = peer is null ? 0 : Math.Max(1, (int)(SegmentMs / (peer.Steps(10), peer.Steps(10)).Item2));

        var (rounds, contention) = Quietest(() =>
        {
            var ours = Steps(work.Step, count);
            var peak = Peak();
            if (peer is null) return [ours, peak, 0, 0];
            Thread.Sleep(10);                                     // idle OpenMP threads spin a while before they sleep
            double theirs = peer.Steps(peerCount), peerPeak = peer.Product(768);
            Thread.Sleep(10);
            return [ours, peak, theirs, peerPeak];
        });
        double Mid(int column) => Median(rounds.Select(round => round[column]));
        double best = rounds.Max(round => round[1]), peerBest = rounds.Max(round => round[3]);
        var result = new Measured(row.Name, Mid(0), null, null, null, null, row.Peer is null ? "none" : "none given", work.Flops / (best * 1e6) / Mid(0), best, contention, work.Note?.Invoke());
        if (peer is null) return result;

        var who = $"PyTorch {peer.Torch} eager, {threads} threads{string.Concat(row.Peer!.Arguments.Select(a => ", " + a))}";
        var ratios = rounds.Select(round => round[2] / round[0]).ToList();
        return peerBest < FairShare * best
            ? result with { PeerMs = Mid(2), Peer = $"void: {who} multiplies matrices at {peerBest:F0} GFLOP/s, ours at {best:F0}" }
            : result with { PeerMs = Mid(2), Ratio = Median(ratios), Low = Quantile(ratios, 0.25), High = Quantile(ratios, 0.75), Peer = who };
    }

    /// <summary>Runs several of our own in turn; medians of milliseconds a step, in their order.</summary>
    public static double[] InTurn(IReadOnlyList<Action> steps)
    {
        var counts = steps.Select(Calibrate).ToArray();
        var (rounds, _) = Quietest(() => [.. steps.Select((step, i) => Steps(step, counts[i]))]);
        return [.. steps.Select((_, i) => Median(rounds.Select(round => round[i])))];
    }

    public static double Median(IEnumerable<double> values) => Quantile(values, 0.5);

    // Rounds until enough of them were quiet, or there were too many; the quietest, and the worst contention among them.
    private static (List<double[]> Rounds, double Contention) Quietest(Func<double[]> round)
    {
        var all = new List<(double[] Times, double Contention)>();
        while (all.Count < AtMost && all.Count(r => r.Contention < Quiet) < Counted)
        {
            var contention = new Contention();
            all.Add((round(), contention.Share));
        }
        var quietest = all.OrderBy(r => r.Contention).Take(Counted).ToList();
        return ([.. quietest.Select(r => r.Times)], quietest[^1].Contention);
    }

    private static double Quantile(IEnumerable<double> values, double at)
    {
        var sorted = values.Order().ToArray();
        return sorted[(int)Math.Round(at * (sorted.Length - 1))];
    }

    private static int Calibrate(Action step)
    {
        Steps(step, 20);
        return Math.Max(1, (int)(SegmentMs / Enumerable.Range(0, 5).Min(_ => Steps(step, 2))));
    }

    private static double Steps(Action step, int count)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++) step();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds / count;
    }

    private static double Peak()
    {
        const int n = 768;
        using var scope = NewDisposeScope();
        Tensor a = ones(n, n), b = ones(n, n);
        var best = Enumerable.Range(0, 6).Min(_ => Steps(() => a.mm(b).Dispose(), 1));
        return 2.0 * n * n * n / best / 1e6;
    }
}
