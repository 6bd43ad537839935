using Manifold.Data;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>The squared maximum mean discrepancy of two sets of features under a cubic kernel, without bias; it may come out below 0.</summary>
/// <remarks>Binkowski et al. 2018, https://arxiv.org/abs/1801.01401, section 4: k(x, y) = (x'y / F + 1)^3.</remarks>
public static class KernelDistance
{
    /// <summary>Mean and deviation over subsets, each drawn without replacement.</summary>
    /// <param name="a">[N, F].</param>
    /// <param name="b">[M, F].</param>
    /// <param name="subsets">How many.</param>
    /// <param name="size">Rows in each; as many as there are where there are fewer.</param>
    public static (double Mean, double Deviation) Of(Tensor a, Tensor b, int subsets = 100, int size = 1000)
    {
        b.ExpectShape([-1, a.shape[1]]);
        using var scope = NewDisposeScope();
        var (x, y) = (a.to_type(ScalarType.Float64), b.to_type(ScalarType.Float64));
        size = (int)Math.Min(size, Math.Min(x.shape[0], y.shape[0]));
        if (size < 2) throw new ArgumentException($"There are {Math.Min(a.shape[0], b.shape[0])} features; the distance needs two or more of each.", nameof(a));
        if (size == x.shape[0] && size == y.shape[0]) subsets = 1;                                           // all of both, whichever way they are drawn
        var values = Enumerable.Range(0, subsets).Select(i =>
        {
            using var step = NewDisposeScope();
            return Once(Some(x, 2 * i), Some(y, 2 * i + 1));
        }).ToList();
        var mean = values.Average();
        return (mean, Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / Math.Max(1, subsets - 1)));

        Tensor Some(Tensor all, long stream) => all.index_select(0, tensor(Chance.Permutation((int)all.shape[0], Seeds.At(0, stream, "kid"))[..size]).to_type(ScalarType.Int64));
    }

    /// <summary>The estimate from all of both: means off the diagonals less twice the mean across.</summary>
    internal static double Once(Tensor x, Tensor y)
    {
        Tensor Kernel(Tensor p, Tensor q) => (matmul(p, q.t()) / p.shape[1] + 1).pow(3);
        static Tensor OffDiagonal(Tensor k) => (k.sum() - k.trace()) / (k.shape[0] * (k.shape[0] - 1.0));
        return (OffDiagonal(Kernel(x, x)) + OffDiagonal(Kernel(y, y)) - 2 * Kernel(x, y).mean()).item<double>();
    }
}
