using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Data;

/// <summary>Sets of points of the plane whose law is known, so that what a model covers and misses can be counted.</summary>
/// <param name="Name">As data.set has it.</param>
/// <param name="Centres">Of the modes; empty where the law has none.</param>
/// <param name="Shares">Of the modes, summing to 1.</param>
/// <param name="Deviation">Of each mode, both ways.</param>
public sealed record Toy(string Name, IReadOnlyList<(double X, double Y)> Centres, IReadOnlyList<double> Shares, double Deviation)
{
    /// <summary>Eight Gaussians on a circle of radius 2, deviation 0.02.</summary>
    /// <remarks>As in Metz et al. 2017, "Unrolled Generative Adversarial Networks", https://arxiv.org/abs/1611.02163, appendix A.</remarks>
    public static Toy Ring { get; } = Even("ring", Circle(8, 2), 0.02);

    /// <summary>The ring of the LSGAN authors' script: radius 1, deviation 0.01, and nine angles of which the last is the first, so that one mode of the eight has two ninths.</summary>
    public static Toy RingDoubled { get; } = new("ring-doubled", Circle(8, 1), [2 / 9.0, .. Enumerable.Repeat(1 / 9.0, 7)], 0.01);

    /// <summary>Twenty-five Gaussians at -4, -2, 0, 2, 4 each way, deviation 0.05.</summary>
    public static Toy Squares { get; } = Even("grid", [.. from y in Enumerable.Range(-2, 5) from x in Enumerable.Range(-2, 5) select (2.0 * x, 2.0 * y)], 0.05);

    /// <summary>A spiral of one turn and a half, with noise: a manifold of one dimension.</summary>
    public static Toy SwissRoll { get; } = new("swiss-roll", [], [], 0.05);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Toy> All { get; } = [Ring, RingDoubled, Squares, SwissRoll];

    /// <summary>The toy of that name; null if there is none.</summary>
    public static Toy? Named(string name) => All.FirstOrDefault(toy => toy.Name == name);

    /// <summary>log of the law's density, nats: [N, 2] or [N, 2, 1, 1] to [N].</summary>
    public Tensor LogDensity(Tensor points)
    {
        const int steps = 1000;                                                             // of the roll: a quarter of its deviation apart
        using var scope = NewDisposeScope();
        var along = Centres.Count > 0 ? Centres : [.. Enumerable.Range(0, steps).Select(i => Roll((i + 0.5) / steps))];
        var shares = Centres.Count > 0 ? Shares : [.. Enumerable.Repeat(1.0 / steps, steps)];
        var centres = tensor(along.SelectMany(centre => new[] { centre.X, centre.Y }).ToArray()).view(-1, 2);
        var heights = tensor(shares.Select(share => Math.Log(share / (2 * Math.PI * Deviation * Deviation))).ToArray());
        var xy = points.flatten(1).ExpectShape([-1, 2]).detach().cpu().to_type(ScalarType.Float64);
        return cat([.. xy.split(500).Select(some =>
        {
            using var step = NewDisposeScope();
            return (heights - (some.unsqueeze(1) - centres).square().sum(2) / (2 * Deviation * Deviation)).logsumexp(1).MoveToOuterDisposeScope();   // log sum_m share_m N(x; centre_m, deviation^2 I)
        })]).MoveToOuterDisposeScope();
    }

    private const int TrainCount = 100_000, TestCount = 20_000;

    internal DataSet Open(DataSettings settings)
    {
        SettingChecks.Need(settings is { Size: null, Flip: false, Binarize: Binarization.None, Dequantize: false, Levels: 256 }, "data", "of pictures", $"none of size, flip, binarize, dequantize and levels for {Name}, which is points of the plane");
        var sources = new SplitSources(Draw("train", TrainCount), Test: Draw("test", TestCount)) { IsInRandomOrder = true, TrainFrom = "points that were sampled", TestFrom = "other points" };
        return new DataSet(Name, sources, settings);
    }

    private MemorySource Draw(string part, int count)
    {
        var points = new float[2 * count];
        var labels = Centres.Count > 0 ? new int[count] : null;
        var seed = Seeds.At(0, 0, $"{Name}, {part}");
        for (var i = 0; i < count; i++)
        {
            var (x, y) = Chance.Normal(seed, 2 * i);
            var (cx, cy) = (0.0, 0.0);
            var u = Chance.Unit(seed, 2 * i + 1);
            if (labels is not null)
            {
                var mode = 0;
                for (var sum = Shares[0]; mode < Shares.Count - 1 && u >= sum; sum += Shares[mode]) mode++;
                ((cx, cy), labels[i]) = (Centres[mode], mode);
            }
            else (cx, cy) = Roll(u);
            (points[2 * i], points[2 * i + 1]) = ((float)(cx + Deviation * x), (float)(cy + Deviation * y));
        }
        return new MemorySource($"{Name}, {part}", points, labels);
    }

    // Where the roll is after a part of its probability: denser where the turn is wider, so nearly even along it.
    private static (double X, double Y) Roll(double part)
    {
        var angle = 1.5 * Math.PI * (1 + 2 * Math.Sqrt(part));
        return (angle * Math.Cos(angle) / 7, angle * Math.Sin(angle) / 7);
    }

    private static Toy Even(string name, IReadOnlyList<(double, double)> centres, double deviation) => new(name, centres, [.. centres.Select(_ => 1.0 / centres.Count)], deviation);

    private static IReadOnlyList<(double, double)> Circle(int count, double radius) =>
        [.. Enumerable.Range(0, count).Select(i => (radius * Math.Cos(2 * Math.PI * i / count), radius * Math.Sin(2 * Math.PI * i / count)))];
}
