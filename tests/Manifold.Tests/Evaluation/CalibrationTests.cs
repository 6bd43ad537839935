using System.Globalization;
using Manifold.Data;
using Manifold.Evaluation;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Evaluation;

/// <summary>How often each p-value is small where both sets are of one law: docs/models/gan.md has the numbers. Minutes, so only where asked for.</summary>
/// <remarks>tests/Manifold.Tests/bin/Release/net10.0/linux-x64/Manifold.Tests -class "*CalibrationTests" -explicit only -showLiveOutput</remarks>
public class CalibrationTests(ITestOutputHelper output)
{
    private const int Repeats = 400;

    private static Tensor Points(Split ring, int set, int count) => ring.InOrder(set * count, count, PixelRange.Unit).X;

    private void Say(string name, IReadOnlyList<double> p, bool holds = true)
    {
        string Below(double limit) => string.Create(CultureInfo.InvariantCulture, $"{p.Count(value => value <= limit) / (double)p.Count:F3}");
        output.WriteLine($"{name}: of {p.Count} p-values {Below(0.01)} are 0.01 or less, {Below(0.05)} are 0.05 or less, {Below(0.1)} are 0.1 or less, {Below(0.5)} are 0.5 or less");
        if (holds) Assert.InRange(p.Count(value => value <= 0.05) / (double)p.Count, 0, 0.083);   // three deviations above
    }

    // Two sets of 112 points of the ring, which no other repeat has: 90,000 are there.
    [Fact(Explicit = true)]
    public void Of_the_two_sample_test()
    {
        var ring = DataSet.Open(new DataSettings { Set = "ring" }).Train;
        var found = Enumerable.Range(0, Repeats).Select(i =>
        {
            using var scope = NewDisposeScope();
            return TwoSample.Of(Points(ring, 2 * i, 112), Points(ring, 2 * i + 1, 112), seed: i);
        }).ToList();
        Say("Fisher's exact test", [.. found.Select(test => test.P)]);
        Say("a fair coin for each answer, as before", [.. found.Select(test => RankTest.AtLeast(test.Accuracy * test.Tests, test.Tests))]);
        var mean = found.Average(test => test.Accuracy);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"accuracy {mean:F4}, deviation {Math.Sqrt(found.Average(test => Math.Pow(test.Accuracy - mean, 2))):F4}; mean standard error {found.Average(test => test.StandardError):F4}, of a coin {0.5 / Math.Sqrt(found[0].Tests):F4}"));
    }

    [Fact(Explicit = true)]
    public void Of_memorization()
    {
        static Tensor Cloud(int seed, int count)
        {
            using var chance = new Generator((ulong)seed, CPU);
            return randn([count, 4], generator: chance);
        }
        var found = Enumerable.Range(0, Repeats).Select(i =>
        {
            using var scope = NewDisposeScope();
            return Memorization.Of(Cloud(10_000 + i, 300), Cloud(20_000 + i, 600), Cloud(30_000 + i, 200));
        }).ToList();
        Say("hits in the even pool", [.. found.Select(m => m.Even.P)]);
        Say("hits among all", [.. found.Select(m => m.All.P)]);
        Say("a coin for each sample", [.. found.Select(m => m.PTrainWins)], holds: false);   // samples share neighbours
        Say("nearer than held-out (Mann and Whitney)", [.. found.Select(m => m.PNearer)]);
        Say("the smallest of the two hits, times two (Bonferroni)", [.. found.Select(m => Math.Min(1, 2 * Math.Min(m.Even.P, m.All.P)))]);
    }
}
