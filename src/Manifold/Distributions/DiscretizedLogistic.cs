using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Distributions;

/// <summary>
/// Logistics cut at the borders of 256 bins on [-1, 1], or of another number: a probability for each value, the outermost bins reaching
/// to infinity. Everything is per value, in nats.
/// </summary>
/// <remarks>Salimans et al. 2017, PixelCNN++, https://arxiv.org/abs/1701.05517, equation 2.</remarks>
public static class DiscretizedLogistic
{
    /// <summary>log( sigmoid((x - m + 1/255) / s) - sigmoid((x - m - 1/255) / s) ), of each value.</summary>
    /// <param name="x">Values on the points of [-1, 1], as many as there are levels.</param>
    /// <param name="means">m, of a shape that goes with x's.</param>
    /// <param name="logScales">log s.</param>
    /// <param name="levels">Bins.</param>
    /// <remarks>
    /// With a = (x - m + h) / s and b = (x - m - h) / s the difference of the two sigmoids is sigmoid(a) sigmoid(-b) (1 - e^(b - a)).
    /// In logarithms no digit cancels, however far in the tail x lies, so there is no case for small differences.
    /// </remarks>
    public static Tensor LogProb(Tensor x, Tensor means, Tensor logScales, int levels = 256)
    {
        var halfBin = 1.0 / (levels - 1);
        var inverse = (-logScales).exp();
        var centred = (x - means) * inverse;
        var half = inverse * halfBin;
        var isBottom = x < -1 + halfBin;
        var isTop = x > 1 - halfBin;
        var below = nn.functional.softplus(-(centred + half)).masked_fill(isTop, 0);            // -log sigmoid(a); the top bin has no upper border
        var above = nn.functional.softplus(centred - half).masked_fill(isBottom, 0);            // -log sigmoid(-b); the bottom bin has no lower border
        var width = LogWidth(half, logScales, halfBin).masked_fill(isTop | isBottom, 0);        // the outermost bins have no width
        return width - below - above;
    }

    // Below this t the series log t - t/2 + t^2/24 is exact in double precision.
    private const double SmallestWidth = 1e-3;

    // From this log scale on every draw is clipped, and e to it is close to the end of float32.
    internal const double LargestLogScale = 80;

    /// <summary>log(1 - e^-t) with t = a - b = 2 h / s, the share of the density that a bin takes.</summary>
    /// <remarks>
    /// The t of a wide logistic is too small for float32, where log(1 - e^-t) has an infinite slope; the series needs log t = log 2h - log s alone.
    /// Each form gets only arguments at which its own slope is finite: to mask a slope afterwards multiplies it by 0, and 0 times infinity is NaN.
    /// </remarks>
    private static Tensor LogWidth(Tensor half, Tensor logScales, double halfBin)
    {
        var isSmall = half < SmallestWidth / 2;
        var large = (-(-2 * half.clamp_min(SmallestWidth / 2)).expm1()).log();
        var t = 2 * half.clamp_max(SmallestWidth / 2);
        var small = Math.Log(2 * halfBin) - logScales - t * (0.5 - t / 24);
        return where(isSmall, small, large);
    }

    /// <summary>Draws of the continuous law, clipped to [-1, 1]: m + s (log u - log(1 - u)).</summary>
    /// <param name="u">Uniform on (0, 1), one for each value.</param>
    public static Tensor Sample(Tensor means, Tensor logScales, Tensor u) => (means + logScales.clamp_max(LargestLogScale).exp() * u.logit()).clamp(-1, 1);
}
