using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>exp of the mean KL of a classifier's answer for a sample from its answer for all: high where each is sure and all together are many.</summary>
/// <remarks>Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 4. It never sees the data, so it says nothing of likeness, and a model that repeats one sample of each class has the best.</remarks>
public static class InceptionScore
{
    /// <summary>Mean and deviation over splits, each with its own mean answer.</summary>
    /// <param name="probabilities">[N, K], rows summing to 1.</param>
    /// <param name="splits">As many as there are rows where there are fewer.</param>
    public static (double Mean, double Deviation) Of(Tensor probabilities, int splits = 10)
    {
        using var scope = NewDisposeScope();
        splits = (int)Math.Min(splits, probabilities.shape[0]);
        var values = probabilities.tensor_split(splits).Select(answers =>
        {
            using var step = NewDisposeScope();
            var part = answers.to_type(ScalarType.Float64);
            var marginal = part.mean([0], keepdim: true);
            return (part.xlogy(part) - part.xlogy(marginal)).sum(1).mean().exp().item<double>();
        }).ToList();
        var mean = values.Average();
        return (mean, Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / Math.Max(1, splits - 1)));
    }
}
