using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>The Fréchet distance of two sets of features, each taken for a Gaussian.</summary>
/// <remarks>Heusel et al. 2017, https://arxiv.org/abs/1706.08500, equation 6: |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)).</remarks>
public static class Frechet
{
    private const int Rows = 2000;                                              // of features, in float64 at once

    /// <summary>The distance of two sets, [N, F] and [M, F]; worked out in float64.</summary>
    /// <exception cref="ArgumentException">The sets are not of the same features, or one has fewer than two.</exception>
    public static double Distance(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        var (m1, s1) = Moments(a);
        var (m2, s2) = Moments(b.ExpectShape([-1, a.shape[1]]));
        return Distance(m1, s1, m2, s2);
    }

    /// <summary>The distance of two Gaussians: means [F], covariances [F, F].</summary>
    public static double Distance(Tensor m1, Tensor s1, Tensor m2, Tensor s2)
    {
        m1.ExpectReal().ExpectShape([-1]);
        m2.ExpectType([m1.dtype]).ExpectShape(m1.shape, nameof(m2));
        s1.ExpectType([m1.dtype]).ExpectShape([m1.shape[0], m1.shape[0]], nameof(s1));
        s2.ExpectType([m1.dtype]).ExpectShape([m1.shape[0], m1.shape[0]], nameof(s2));
        using var scope = NewDisposeScope();
        // Tr (S1 S2)^(1/2) = Tr (R S2 R)^(1/2) with R = S1^(1/2): symmetric, so its roots are real, and what float64 leaves below 0 is 0.
        var (values, vectors) = linalg.eigh(s1);
        var root = matmul(vectors * values.clamp_min(0).sqrt(), vectors.t());
        var cross = linalg.eigvalsh(matmul(matmul(root, s2), root)).clamp_min(0).sqrt().sum();
        return ((m1 - m2).square().sum() + s1.trace() + s2.trace() - 2 * cross).item<double>();
    }

    /// <summary>Mean, [F], and covariance with N - 1, [F, F], in float64.</summary>
    public static (Tensor Mean, Tensor Covariance) Moments(Tensor features)
    {
        features.ExpectShape([-1, -1]);
        if (features.shape[0] < 2) throw new ArgumentException($"features has {features.shape[0]} rows; a covariance needs two or more.", nameof(features));
        using var scope = NewDisposeScope();
        var width = features.shape[1];
        Tensor sum = zeros([width], ScalarType.Float64), products = zeros([width, width], ScalarType.Float64);
        void InChunks(Action<Tensor> see)                                       // a copy of all of them in float64 would be twice the features
        {
            foreach (var some in features.split(Rows))
            {
                using var step = NewDisposeScope();
                see(some.to_type(ScalarType.Float64).cpu());
            }
        }
        InChunks(x => sum.add_(x.sum(dim: 0)));
        var mean = sum / features.shape[0];
        InChunks(x => products.addmm_((x - mean).t(), x - mean, beta: 1, alpha: 1));
        return (mean.MoveToOuterDisposeScope(), (products / (features.shape[0] - 1)).MoveToOuterDisposeScope());
    }

    /// <summary>The distance that N samples tell, carried on to N = infinity along 1 / N.</summary>
    /// <param name="reference">[M, F].</param>
    /// <param name="fakes">[N, F], in an order that says nothing.</param>
    /// <remarks>Chong and Forsyth 2020, https://arxiv.org/abs/1911.07023: a line through the distances of fifteen sizes from N / 5 to N.</remarks>
    public static double AtInfinity(Tensor reference, Tensor fakes)
    {
        using var scope = NewDisposeScope();
        var (m1, s1) = Moments(reference);
        fakes.ExpectShape([-1, reference.shape[1]]);
        var points = Enumerable.Range(0, 15).Select(i =>
        {
            using var step = NewDisposeScope();
            var n = Math.Max(2, (long)Math.Round(fakes.shape[0] * (0.2 + 0.8 * i / 14)));
            var (m2, s2) = Moments(fakes[..(int)n]);
            return (X: 1.0 / n, Y: Distance(m1, s1, m2, s2));
        }).ToList();
        var (x, y) = (points.Average(p => p.X), points.Average(p => p.Y));
        var slope = points.Sum(p => (p.X - x) * (p.Y - y)) / points.Sum(p => (p.X - x) * (p.X - x));
        return y - slope * x;
    }
}
