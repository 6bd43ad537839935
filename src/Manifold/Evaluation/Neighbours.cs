using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>How two sets of features lie among one another, told by balls that reach from each to its k-th neighbour in its own set.</summary>
/// <remarks>Distances are taken block by block: beside the sets and a few numbers for each row, no more than 64 MB at once, whatever their sizes.</remarks>
public static class Neighbours
{
    private const int MostRows = 500;
    private const long BytesOfRows = 8L << 20, BytesOfColumns = 16L << 20, BytesOfBlock = 8L << 20;
    private const double Rounding = 8.9e-16;                                   // four units of float64's last place

    /// <summary>Share of the fakes that lie in some real ball, and share of the real that lie in some fake's.</summary>
    /// <remarks>Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991, equations 1 and 2; k is 3 there.</remarks>
    public static (double Precision, double Recall) PrecisionRecall(Tensor real, Tensor fake, int k = 3)
    {
        using var scope = NewDisposeScope();
        Tensor realRadius = Radius(real, k), fakeRadius = Radius(fake, k);
        return (Inside(fake, real, realRadius), Inside(real, fake, fakeRadius));
    }

    /// <summary>Mean number of real balls that a fake lies in, over k; and share of the real balls that have a fake.</summary>
    /// <remarks>Naeem et al. 2020, https://arxiv.org/abs/2002.09797, equations 4 and 5; k is 5 there.</remarks>
    public static (double Density, double Coverage) DensityCoverage(Tensor real, Tensor fake, int k = 5)
    {
        using var scope = NewDisposeScope();
        var radius = Radius(real, k);                                                                        // [R]
        var (hits, covered) = (0.0, zeros([real.shape[0]], ScalarType.Bool));
        ForEachBlock(fake, real, block =>
        {
            var inside = block.Squared.le(block.OfColumns(radius));                                          // [rows, columns]
            hits += inside.sum().item<long>();
            block.OfColumns(covered).logical_or_(inside.any(0));
        });
        return (hits / (k * (double)fake.shape[0]), covered.to_type(ScalarType.Float64).mean().item<double>());
    }

    /// <summary>Squared distance of each row to its nearest among others, and which that is; infinite and the first for a row that is not finite.</summary>
    public static (Tensor Squared, Tensor Which) Nearest(Tensor of, Tensor among) =>
        Nearest(of, new RowSource(among.ExpectShape([-1, of.shape[1]])));

    internal static (Tensor Squared, Tensor Which) Nearest(Tensor of, RowSource among)
    {
        using var scope = NewDisposeScope();
        var squared = full([of.shape[0]], double.PositiveInfinity, ScalarType.Float64);
        var which = zeros([of.shape[0]], ScalarType.Int64);
        ForEachBlock(of, among, block =>
        {
            var (values, indexes) = block.Squared.min(1);
            Tensor best = block.OfRows(squared), places = block.OfRows(which), isNearer = values.lt(best);
            places.copy_(where(isNearer, indexes + block.Column, places));
            best.copy_(where(isNearer, values, best));
        });
        return (squared.MoveToOuterDisposeScope(), which.MoveToOuterDisposeScope());
    }

    /// <summary>Indexes of each row's k nearest among others, the nearest first, [N, k].</summary>
    public static Tensor Nearest(Tensor of, Tensor among, int k)
    {
        using var scope = NewDisposeScope();
        return KNearest(of, among, k).Which.MoveToOuterDisposeScope();
    }

    // Squared distance to the k-th nearest other row of the same set, [N].
    private static Tensor Radius(Tensor set, int k)
    {
        if (set.shape[0] <= k) throw new ArgumentException($"There are {set.shape[0]} features; the {k}th neighbour needs {k + 1} or more.", nameof(set));
        using var scope = NewDisposeScope();
        return KNearest(set, set, k + 1).Squared.select(1, k).clone().MoveToOuterDisposeScope();             // the nearest is the row itself
    }

    private static (Tensor Squared, Tensor Which) KNearest(Tensor of, Tensor among, int k)
    {
        k = (int)Math.Min(k, among.shape[0]);
        var squared = full([of.shape[0], k], double.PositiveInfinity, ScalarType.Float64);
        var which = zeros([of.shape[0], k], ScalarType.Int64);
        ForEachBlock(of, among, block =>
        {
            var (values, indexes) = block.Squared.topk((int)Math.Min(k, block.Squared.shape[1]), 1, largest: false, sorted: true);
            Tensor best = block.OfRows(squared), places = block.OfRows(which);
            var (merged, at) = cat([best, values], 1).topk(k, 1, largest: false, sorted: true);
            places.copy_(cat([places, indexes + block.Column], 1).gather(1, at));
            best.copy_(merged);
        });
        return (squared, which);
    }

    private static double Inside(Tensor points, Tensor centres, Tensor radius)
    {
        using var scope = NewDisposeScope();
        var inside = zeros([points.shape[0]], ScalarType.Bool);
        ForEachBlock(points, centres, block => block.OfRows(inside).logical_or_(block.Squared.le(block.OfColumns(radius)).any(1)));
        return inside.to_type(ScalarType.Float64).mean().item<double>();
    }

    /// <summary>Squared distances, [n, m], of rows from Row on to columns from Column on.</summary>
    internal readonly record struct Block(Tensor Squared, long Row, long Column)
    {
        public Tensor OfRows(Tensor all) => all.narrow(0, Row, Squared.shape[0]);
        public Tensor OfColumns(Tensor all) => all.narrow(0, Column, Squared.shape[1]);
    }

    /// <summary>Rows that are read some at a time: a tensor, [N, F], or what need not be put together as one.</summary>
    internal sealed record RowSource(long Count, Func<long, long, Tensor> Read)
    {
        public RowSource(Tensor rows) : this(rows.shape[0], (start, count) => rows.narrow(0, start, count)) { }
    }

    internal static void ForEachBlock(Tensor of, Tensor among, Action<Block> see) => ForEachBlock(of, new RowSource(among.ExpectShape([-1, of.shape[1]])), see);

    /// <summary>Shows all squared distances of rows to others, block by block; a block's tensors are gone after it was seen.</summary>
    internal static void ForEachBlock(Tensor of, RowSource among, Action<Block> see)
    {
        using var scope = NewDisposeScope();
        var bytes = Math.Max(1, of.shape[1]) * sizeof(double);
        var rows = Math.Clamp(BytesOfRows / bytes, 1, MostRows);
        var columns = Math.Max(1, Math.Min(BytesOfColumns / bytes, BytesOfBlock / (rows * sizeof(double))));
        var centre = Mean(of, rows);
        for (var row = 0L; row < of.shape[0]; row += rows)
        {
            using var step = NewDisposeScope();
            var a = Centred(of.narrow(0, row, Math.Min(rows, of.shape[0] - row)), centre);
            for (var column = 0L; column < among.Count; column += columns)
            {
                using var inner = NewDisposeScope();
                see(new Block(Squared(a, Centred(among.Read(column, Math.Min(columns, among.Count - column)), centre)), row, column));
            }
        }
    }

    private static Tensor Centred(Tensor rows, Tensor centre) => rows.to_type(ScalarType.Float64) - centre;

    private static Tensor Mean(Tensor of, long rows)
    {
        using var scope = NewDisposeScope();
        var sum = zeros([of.shape[1]], ScalarType.Float64, of.device);
        foreach (var some in of.split(rows))
        {
            using var step = NewDisposeScope();
            sum.add_(some.to_type(ScalarType.Float64).sum(dim: 0));
        }
        return sum.div_(Math.Max(1, of.shape[0])).nan_to_num_(0, 0, 0).MoveToOuterDisposeScope();
    }

    // [n, m], of rows in float64 about a common centre: direct differences would be [n, m, F], and in float32, or far from the origin, the expanded
    // square loses the digits that tell neighbours apart. What it leaves of a point's distance to its own copy is rounding, and is 0.
    private static Tensor Squared(Tensor a, Tensor b)
    {
        Tensor ofA = a.square().sum(1, keepdim: true), ofB = b.square().sum(1);
        var lengths = ofA + ofB;
        var squared = addmm(lengths, a, b.t(), beta: 1, alpha: -2);
        return squared.masked_fill_(squared.le(lengths * (Rounding * a.shape[1])), 0);
    }
}
