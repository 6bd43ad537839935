using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Distributions;

/// <summary>
/// A mixture of K discretized logistics for each pixel. The channels of a pixel share the component, and the mean of a later channel
/// moves with the values of those before it: green with red, blue with red and green.
/// </summary>
/// <param name="LogitProbs">Of the components, [..., K, H, W].</param>
/// <param name="Means">Before they are moved, [..., K, C, H, W], on [-1, 1].</param>
/// <param name="LogScales">[..., K, C, H, W], at least -7.</param>
/// <param name="Coeffs">How far a mean moves with an earlier channel, in (-1, 1): green-red, blue-red, blue-green, [..., K, 3, H, W]; null for grey.</param>
/// <remarks>Salimans et al. 2017, PixelCNN++, https://arxiv.org/abs/1701.05517, sections 2.1 and 2.2.</remarks>
public sealed record LogisticMixture(Tensor LogitProbs, Tensor Means, Tensor LogScales, Tensor? Coeffs)
{
    internal const double LeastLogScale = -7;

    /// <summary>Numbers that a network gives for each pixel: K (1 + 2 C) and, in colour, 3 K coefficients.</summary>
    public static long Outputs(int channels, int components) => components * (1 + 2 * channels + (channels == 3 ? 3 : 0));

    /// <summary>Cuts a network's outputs into the mixture's parts.</summary>
    /// <param name="outputs">[..., Outputs(C, K), H, W].</param>
    public static LogisticMixture Of(Tensor outputs, int channels, int components)
    {
        long k = components, c = channels;
        Tensor Part(long start, long each)
        {
            var part = outputs.narrow(-3, start, k * each);
            long[] shape = [.. part.shape[..^3], k, each, .. part.shape[^2..]];
            return part.reshape(shape);
        }
        return new LogisticMixture(
            outputs.narrow(-3, 0, k), Part(k, c), Part(k + k * c, c).clamp_min(LeastLogScale),
            channels == 3 ? Part(k + 2 * k * c, 3).tanh() : null);
    }

    /// <summary>log p(x) of each example, nats.</summary>
    /// <param name="x">[B, C, H, W], on the points of [-1, 1], as many as there are levels.</param>
    /// <returns>[B], or [K, B] if the mixture has that leading axis.</returns>
    public Tensor LogProb(Tensor x, int levels = 256) => LogProbOfPixels(x, levels).sum([-2, -1]);

    /// <summary>log p of each pixel, its channels together: [B, H, W], or [K, B, H, W].</summary>
    public Tensor LogProbOfPixels(Tensor x, int levels = 256)
    {
        var values = x.unsqueeze(1);                                                                          // [B, 1, C, H, W]
        var each = DiscretizedLogistic.LogProb(values, Moved(values), LogScales, levels).sum(-3);             // [..., K, H, W]
        return (each + LogitProbs.log_softmax(-3)).logsumexp(-3);                                             // over components
    }

    /// <summary>The pixels' means, [..., C, H, W] on [-1, 1]; what the tails beyond the range would pull is left out.</summary>
    public Tensor Mean()
    {
        var weights = LogitProbs.softmax(-3).unsqueeze(-3);                                                   // [..., K, 1, H, W]
        var means = Means.clamp(-1, 1);
        return (weights * (Coeffs is null ? means : Chain((mean, _) => mean.clamp(-1, 1)))).sum(-4);
    }

    /// <summary>Draws: a component by Gumbel noise for each pixel, then channel after channel, each clipped before the next is moved by it.</summary>
    /// <param name="u">Uniform on (0, 1), [B, K + C, H, W]: for the components, then for the channels.</param>
    /// <returns>[B, C, H, W] on [-1, 1].</returns>
    public Tensor Sample(Tensor u)
    {
        var k = LogitProbs.shape[^3];
        var gumbel = -(-u.narrow(-3, 0, k).log()).log();
        var chosen = (LogitProbs + gumbel).argmax(-3, keepdim: true).unsqueeze(-3);                           // [B, 1, 1, H, W]
        Tensor Of(Tensor parts) => parts.gather(-4, chosen.expand([.. parts.shape[..^4], 1, .. parts.shape[^3..]]));
        var one = new LogisticMixture(LogitProbs, Of(Means), Of(LogScales), Coeffs is null ? null : Of(Coeffs));   // the chosen component alone
        var noise = u.narrow(-3, k, Means.shape[^3]).unsqueeze(-4);
        return one.Chain((mean, channel) => DiscretizedLogistic.Sample(mean, one.LogScales.narrow(-3, channel, 1), noise.narrow(-3, channel, 1))).squeeze(-4);
    }

    /// <summary>m_G + c0 x_R and m_B + c1 x_R + c2 x_G, with the true values of the earlier channels.</summary>
    private Tensor Moved(Tensor x)
    {
        if (Coeffs is null) return Means;
        Tensor red = x.narrow(-3, 0, 1), green = x.narrow(-3, 1, 1);
        var greens = Coeffs.narrow(-3, 0, 1) * red;                                                           // [..., K, 1, H, W]
        var blues = Coeffs.narrow(-3, 1, 1) * red + Coeffs.narrow(-3, 2, 1) * green;
        return Means + cat([zeros_like(greens), greens, blues], -3);
    }

    /// <summary>The channels one after another, each made by <paramref name="make"/> of its mean as the made ones before it move it.</summary>
    private Tensor Chain(Func<Tensor, int, Tensor> make)
    {
        if (Coeffs is null) return cat([.. Enumerable.Range(0, (int)Means.shape[^3]).Select(channel => make(Means.narrow(-3, channel, 1), channel))], -3);
        var red = make(Means.narrow(-3, 0, 1), 0);
        var green = make(Means.narrow(-3, 1, 1) + Coeffs.narrow(-3, 0, 1) * red, 1);
        var blue = make(Means.narrow(-3, 2, 1) + Coeffs.narrow(-3, 1, 1) * red + Coeffs.narrow(-3, 2, 1) * green, 2);
        return cat([red, green, blue], -3);
    }
}
