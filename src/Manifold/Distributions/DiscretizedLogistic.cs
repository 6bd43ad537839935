using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Distributions;

/// <summary>
/// Logistics cut at the borders of 256 bins on [-1, 1]: a probability for each of the values 0 to 255, the outermost bins reaching
/// to infinity. Everything is per value, in nats.
/// </summary>
/// <remarks>Salimans et al. 2017, PixelCNN++, https://arxiv.org/abs/1701.05517, equation 2.</remarks>
public static class DiscretizedLogistic
{
    private const double HalfBin = 1.0 / 255;

    /// <summary>log( sigmoid((x - m + 1/255) / s) - sigmoid((x - m - 1/255) / s) ), of each value.</summary>
    /// <param name="x">Values on the 256 points of [-1, 1].</param>
    /// <param name="means">m, of a shape that goes with x's.</param>
    /// <param name="logScales">log s.</param>
    /// <remarks>
    /// With a = (x - m + h) / s and b = (x - m - h) / s the difference of the two sigmoids is sigmoid(a) sigmoid(-b) (1 - e^(b - a)).
    /// In logarithms no digit cancels, however far in the tail x lies, so there is no case for small differences.
    /// </remarks>
    public static Tensor LogProb(Tensor x, Tensor means, Tensor logScales)
    {
        var inverse = (-logScales).exp();
        var centred = (x - means) * inverse;
        var half = inverse * HalfBin;
        var isBottom = x < -1 + HalfBin;
        var isTop = x > 1 - HalfBin;
        var below = nn.functional.softplus(-(centred + half)).masked_fill(isTop, 0);            // -log sigmoid(a); the top bin has no upper border
        var above = nn.functional.softplus(centred - half).masked_fill(isBottom, 0);            // -log sigmoid(-b); the bottom bin has no lower border
        var width = (-(-2 * half).expm1()).log().masked_fill(isTop | isBottom, 0);              // log(1 - e^(b - a)): neither of them has a width
        return width - below - above;
    }

    /// <summary>Draws of the continuous law, clipped to [-1, 1]: m + s (log u - log(1 - u)).</summary>
    /// <param name="u">Uniform on (0, 1), one for each value.</param>
    public static Tensor Sample(Tensor means, Tensor logScales, Tensor u) => (means + logScales.exp() * u.logit()).clamp(-1, 1);
}
