using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>How two sets of features lie among one another, told by balls that reach from each to its k-th neighbour in its own set.</summary>
public static class Neighbours
{
    private const int Rows = 500;                                              // distances are taken so many rows at a time

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
        foreach (var some in fake.split(Rows))
        {
            using var step = NewDisposeScope();
            var inside = Squared(some, real).le(radius);                                                     // [rows, R]
            hits += inside.sum().item<long>();
            covered.logical_or_(inside.any(0));
        }
        return (hits / (k * (double)fake.shape[0]), covered.to_type(ScalarType.Float64).mean().item<double>());
    }

    /// <summary>Squared distance of each row to its nearest among others, and which that is.</summary>
    public static (Tensor Squared, Tensor Which) Nearest(Tensor of, Tensor among)
    {
        using var scope = NewDisposeScope();
        var parts = of.split(Rows).Select(some =>
        {
            using var step = NewDisposeScope();
            var (values, indexes) = Squared(some, among).min(1);
            return (Values: values.MoveToOuterDisposeScope(), Indexes: indexes.MoveToOuterDisposeScope());
        }).ToList();
        return (cat([.. parts.Select(part => part.Values)]).MoveToOuterDisposeScope(), cat([.. parts.Select(part => part.Indexes)]).MoveToOuterDisposeScope());
    }

    /// <summary>Indexes of each row's k nearest among others, the nearest first, [N, k].</summary>
    public static Tensor Nearest(Tensor of, Tensor among, int k)
    {
        using var scope = NewDisposeScope();
        return cat([.. of.split(Rows).Select(some =>
        {
            using var step = NewDisposeScope();
            return Squared(some, among).topk((int)Math.Min(k, among.shape[0]), dim: 1, largest: false, sorted: true).indexes.MoveToOuterDisposeScope();
        })]).MoveToOuterDisposeScope();
    }

    // Squared distance to the k-th nearest other row of the same set, [N].
    private static Tensor Radius(Tensor set, int k)
    {
        if (set.shape[0] <= k) throw new ArgumentException($"There are {set.shape[0]} features; the {k}th neighbour needs {k + 1} or more.", nameof(set));
        using var scope = NewDisposeScope();
        return cat([.. set.split(Rows).Select(some =>
        {
            using var step = NewDisposeScope();
            return Squared(some, set).kthvalue(k + 1, 1).values.MoveToOuterDisposeScope();                   // the nearest is the row itself
        })]).MoveToOuterDisposeScope();
    }

    private static double Inside(Tensor points, Tensor centres, Tensor radius)
    {
        using var scope = NewDisposeScope();
        var inside = 0L;
        foreach (var some in points.split(Rows))
        {
            using var step = NewDisposeScope();
            inside += Squared(some, centres).le(radius).any(1).sum().item<long>();
        }
        return inside / (double)points.shape[0];
    }

    // [n, m]. By direct differences the squares would be [n, m, F]; the expanded square loses digits only near 0, where a point meets itself.
    internal static Tensor Squared(Tensor a, Tensor b)
    {
        b.ExpectShape([-1, a.shape[1]]);
        return (a.square().sum(1, keepdim: true) + b.square().sum(1) - 2 * matmul(a, b.t())).clamp_min(0);
    }
}
