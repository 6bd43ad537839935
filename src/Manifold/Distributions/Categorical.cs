using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Distributions;

/// <summary>A probability of its own for every value of a pixel, 0 to levels - 1, given by logits. Nats.</summary>
public static class Categorical
{
    /// <summary>log p(x) of each example.</summary>
    /// <param name="x">Whole numbers as int64, [B, C, H, W].</param>
    /// <param name="logits">[B, levels, C, H, W], or [K, B, levels, C, H, W].</param>
    /// <returns>[B], or [K, B].</returns>
    public static Tensor LogProb(Tensor x, Tensor logits) => LogProbOfPixels(x, logits).sum([-2, -1]);

    /// <summary>log p of each pixel, its channels together: [B, H, W], or [K, B, H, W].</summary>
    public static Tensor LogProbOfPixels(Tensor x, Tensor logits)
    {
        var index = x.unsqueeze(-4);                                                                         // [B, 1, C, H, W]
        var picked = logits.gather(-4, index.expand([.. logits.shape[..^4], 1, .. logits.shape[^3..]])).squeeze(-4);
        return (picked - logits.logsumexp(-4)).sum(-3);
    }

    /// <summary>The values' mean, [..., C, H, W], from 0 to levels - 1.</summary>
    public static Tensor Mean(Tensor logits)
    {
        var levels = logits.shape[^4];
        return (logits.softmax(-4) * arange(levels, dtype: logits.dtype, device: logits.device).view(levels, 1, 1, 1)).sum(-4);
    }

    /// <summary>Draws by the inverse of the distribution function: the first value whose cumulative probability is above u.</summary>
    /// <param name="u">Uniform on (0, 1), [..., C, H, W].</param>
    /// <returns>int64, [..., C, H, W].</returns>
    public static Tensor Sample(Tensor logits, Tensor u) =>
        (logits.softmax(-4).cumsum(-4) <= u.unsqueeze(-4)).sum(-4).clamp_max(logits.shape[^4] - 1);           // rounding may leave the last below u
}
