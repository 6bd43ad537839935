using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>The density that samples make when each is a small Gaussian. Kept for history: it says little of a model.</summary>
/// <remarks>
/// Goodfellow et al. 2014, section 5, and its code. Theis et al. 2016, https://arxiv.org/abs/1511.01844, section 3.3: in many dimensions
/// the estimate is far from the truth, and centroids of k-means can score above the data itself. Memory is that of <see cref="Neighbours"/>.
/// </remarks>
public static class Parzen
{
    /// <summary>Ten widths that the validation part chooses from, evenly in their logarithm.</summary>
    public static IReadOnlyList<double> Widths { get; } = [.. Enumerable.Range(0, 10).Select(i => Math.Pow(10, -1 + i / 9.0))];

    /// <summary>log p of each point, [M], nats: log mean_i N(x; x_i, sigma^2 I).</summary>
    /// <param name="samples">[N, D].</param>
    /// <param name="points">[M, D].</param>
    public static Tensor LogDensity(Tensor samples, Tensor points, double sigma)
    {
        using var scope = NewDisposeScope();
        var d = samples.shape[1];
        var sums = full([points.shape[0]], double.NegativeInfinity, ScalarType.Float64);     // logarithms, over the samples so far
        Neighbours.ForEachBlock(points, samples, block =>
        {
            var sum = block.OfRows(sums);
            sum.copy_(logaddexp(sum, (block.Squared / (-2 * sigma * sigma)).logsumexp(1)));
        });
        return sums.sub(Math.Log(samples.shape[0]) + d * Math.Log(sigma * Math.Sqrt(2 * Math.PI))).MoveToOuterDisposeScope();
    }

    /// <summary>The width that the validation points like best.</summary>
    public static double Best(Tensor samples, Tensor validation) => Widths.MaxBy(sigma =>
    {
        using var scope = NewDisposeScope();
        return LogDensity(samples, validation, sigma).mean().item<double>();
    });
}
