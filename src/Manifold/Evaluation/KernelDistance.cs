using Manifold.Data;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>A kernel distance, averaged over subsets.</summary>
/// <param name="Deviation">Over the subsets; null where there is one, or where two of them share half of their rows or more.</param>
/// <param name="Subsets">How many there were.</param>
/// <param name="Size">Rows of each subset.</param>
public readonly record struct KernelEstimate(double Mean, double? Deviation, int Subsets, int Size);

/// <summary>The squared maximum mean discrepancy of two sets of features under a cubic kernel, without bias; it may come out below 0.</summary>
/// <remarks>Binkowski et al. 2018, https://arxiv.org/abs/1801.01401, section 4: k(x, y) = (x'y / F + 1)^3, worked out in float64.</remarks>
public static class KernelDistance
{
    /// <summary>Mean and deviation over subsets, each drawn without replacement; where a subset is all of both sets, there is one.</summary>
    /// <param name="a">[N, F].</param>
    /// <param name="b">[M, F].</param>
    /// <param name="subsets">How many.</param>
    /// <param name="size">Rows in each; as many as there are where there are fewer.</param>
    public static KernelEstimate Of(Tensor a, Tensor b, int subsets = 100, int size = 1000)
    {
        b.ExpectShape([-1, a.shape[1]]);
        using var scope = NewDisposeScope();
        size = (int)Math.Min(size, Math.Min(a.shape[0], b.shape[0]));
        if (size < 2) throw new ArgumentException($"There are {Math.Min(a.shape[0], b.shape[0])} features; the distance needs two or more of each.", nameof(a));
        if (size == a.shape[0] && size == b.shape[0]) subsets = 1;                                           // all of both, whichever way they are drawn
        var values = Enumerable.Range(0, subsets).Select(i =>
        {
            using var step = NewDisposeScope();
            return Once(Some(a, 2 * i), Some(b, 2 * i + 1));
        }).ToList();
        var mean = values.Average();
        var areApart = 2L * size <= Math.Min(a.shape[0], b.shape[0]);                                       // subsets that are nearly all of a set vary little, whatever the set
        double? deviation = subsets == 1 || !areApart ? null : Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (subsets - 1));
        return new KernelEstimate(mean, deviation, subsets, size);

        Tensor Some(Tensor all, long stream) =>
            all.index_select(0, tensor(Chance.Permutation((int)all.shape[0], Seeds.At(0, stream, "kid"))[..size]).to_type(ScalarType.Int64)).to_type(ScalarType.Float64);
    }

    /// <summary>The estimate from all of both: means off the diagonals less twice the mean across.</summary>
    internal static double Once(Tensor x, Tensor y)
    {
        Tensor Kernel(Tensor p, Tensor q) => (matmul(p, q.t()) / p.shape[1] + 1).pow(3);
        static Tensor OffDiagonal(Tensor k) => (k.sum() - k.trace()) / (k.shape[0] * (k.shape[0] - 1.0));
        return (OffDiagonal(Kernel(x, x)) + OffDiagonal(Kernel(y, y)) - 2 * Kernel(x, y).mean()).item<double>();
    }
}
