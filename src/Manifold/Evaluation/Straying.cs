using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>How many points lie farther from a set than nearly all fresh points of its law do.</summary>
public static class Straying
{
    /// <summary>The part of the fresh points that lie within the radius.</summary>
    public const double Part = 0.99;

    /// <summary>The distance within which <see cref="Part"/> of fresh points have one of the set.</summary>
    /// <param name="set">[N, 2].</param>
    /// <param name="fresh">[M, 2], of the same law and not of the set.</param>
    public static double Radius(Tensor set, Tensor fresh)
    {
        using var scope = NewDisposeScope();
        return Squared(fresh, set).quantile(tensor(Part, ScalarType.Float64)).sqrt().item<double>();
    }

    /// <summary>Share of the points that have none of the set within the radius; what is no number has none.</summary>
    /// <param name="points">[M, 2].</param>
    /// <param name="set">[N, 2]. The radius is of a set of this size: the more there are, the nearer the nearest.</param>
    public static double Beyond(Tensor points, Tensor set, double radius)
    {
        using var scope = NewDisposeScope();
        return 1 - Squared(points, set).le(radius * radius).to_type(ScalarType.Float64).mean().item<double>();
    }

    private static Tensor Squared(Tensor of, Tensor among) => Neighbours.Nearest(of.to_type(ScalarType.Float64), among.to_type(ScalarType.Float64)).Squared;
}
