using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Parameter = TorchSharp.Modules.Parameter;

namespace Manifold.Layers;

/// <summary>What of its own row a masked convolution sees; the rows above it always sees, those below never.</summary>
public enum Mask
{
    /// <summary>What is left of the pixel, and in the pixel the channels before one's own: for the first layer.</summary>
    A,

    /// <summary>The same, and one's own channel: for the layers after it.</summary>
    B,

    /// <summary>The whole row: for the vertical stack, which is moved down a row before it meets a pixel.</summary>
    Row,
}

/// <summary>A convolution in which each pixel sees only what comes before it in reading order, and each channel only the channels before it.</summary>
/// <remarks>
/// van den Oord et al. 2016, "Pixel Recurrent Neural Networks", https://arxiv.org/abs/1601.06759, section 3.4. The rows of the kernel that
/// nothing may see are not there: a 7 x 7 kernel has 4 rows. Weight norm, where it is asked for, is of the masked weight: what is masked
/// away has no share in its length (Salimans and Kingma 2016, https://arxiv.org/abs/1602.07868).
/// </remarks>
public sealed class MaskedConv2d : Module<Tensor, Tensor>, IMultiplies, ICausalConvolution
{
    private readonly Parameter weight;   // [out, in, rows kept, columns kept]
    private readonly Parameter bias;     // [out]
    private readonly Parameter? gain;    // [out], the length of each output's weight
    private readonly Tensor mask;        // as the weight; a buffer: 1 where there is something to see
    private readonly long above, beside;

    /// <param name="inGroups">The channel of the picture that each input knows; -1 for what every one may see.</param>
    /// <param name="outGroups">The channel of the picture that each output is about; all 0 where channels have no order.</param>
    /// <param name="rows">Of the full kernel, odd: 1 for the row alone.</param>
    /// <param name="columns">Of the full kernel, odd.</param>
    /// <exception cref="ArgumentOutOfRangeException">The kernel has no centre.</exception>
    public MaskedConv2d(Mask kind, IReadOnlyList<int> inGroups, IReadOnlyList<int> outGroups, long rows, long columns, bool weightNorm = false) : base(nameof(MaskedConv2d))
    {
        SettingChecks.Need(rows > 0 && rows % 2 == 1 && columns > 0 && columns % 2 == 1, "model.kernel", $"{rows} x {columns}", "odd sizes: a masked kernel has a centre");
        (above, beside) = (rows / 2, columns / 2);
        var kept = rows == 1 && kind != Mask.Row ? beside + 1 : columns;
        mask = Visible(kind, inGroups, outGroups, above, beside, kept);
        weight = nn.Parameter(randn(mask.shape) * Deviation(mask));
        bias = nn.Parameter(zeros(outGroups.Count));
        register_parameter(nameof(weight), weight);
        register_parameter(nameof(bias), bias);
        register_buffer(nameof(mask), mask, persistent: false);
        if (!weightNorm) return;
        gain = nn.Parameter(Length(weight.detach() * mask).flatten());
        register_parameter(nameof(gain), gain);
    }

    /// <summary>The weight that is multiplied with, masked and normed; [out, in, rows kept, columns kept], the pixel itself in the last row, half the full kernel's columns before it.</summary>
    public Tensor Effective()
    {
        var v = weight * mask;
        return gain is null ? v : v * (gain.view(-1, 1, 1, 1) / Length(v));                                    // w = g v / |v|
    }

    /// <summary>[out].</summary>
    public Tensor Bias => bias;

    public IReadOnlyList<CausalTaps> Taps()
    {
        var (rows, columns) = ((int)mask.shape[2], (int)mask.shape[3]);
        var used = Enumerable.Range(0, rows * columns).Where(tap => mask[.., .., tap / columns, tap % columns].any().item<bool>()).ToArray();
        var weights = Effective().flatten(2).index_select(2, tensor(used.Select(tap => (long)tap).ToArray(), device: mask.device));
        return [new CausalTaps([.. used.Select(tap => (tap / columns - (int)above, tap % columns - (int)beside))], weights)];
    }

    public override Tensor forward(Tensor x)   // [B, in, H, W] -> [B, out, H, W]
    {
        var right = mask.shape[3] - 1 - beside;                                                                 // columns to the right that it looks at: all or none
        var padded = above == 0 && beside == right ? x : functional.pad(x, [beside == right ? 0 : beside, 0, above, 0]);
        return functional.conv2d(padded, Effective(), bias, padding: [0, beside == right ? beside : 0]);
    }

    public long MultiplyAdds(long[] input, long[] output) => output.Aggregate(1L, (a, b) => a * b) * (weight.numel() / weight.shape[0]);

    /// <summary>What each output may see of each input: 1 or 0, as the weight.</summary>
    private static Tensor Visible(Mask kind, IReadOnlyList<int> inGroups, IReadOnlyList<int> outGroups, long above, long beside, long columns)
    {
        var seen = new float[outGroups.Count, inGroups.Count, above + 1, columns];
        for (var o = 0; o < outGroups.Count; o++)
            for (var i = 0; i < inGroups.Count; i++)
                for (var r = 0; r <= above; r++)
                    for (var c = 0; c < columns; c++)
                        seen[o, i, r, c] = r < above || c < beside || kind == Mask.Row || c == beside && (kind == Mask.A ? inGroups[i] < outGroups[o] : inGroups[i] <= outGroups[o]) ? 1 : 0;
        return tensor(seen);
    }

    // He's, for the inputs that are seen.
    private static Tensor Deviation(Tensor mask) => mask.sum([1, 2, 3], keepdim: true).clamp_min(1).rsqrt();

    private static Tensor Length(Tensor v) => (v.square().sum([1, 2, 3], keepdim: true) + 1e-12).sqrt();       // an output that sees nothing has none
}

/// <summary>Which channel of the picture a feature is about.</summary>
public static class ChannelGroups
{
    /// <summary>Feature i is about channel i mod groups, in every layer and in the numbers that a likelihood takes.</summary>
    public static IReadOnlyList<int> Of(long features, int groups) => [.. Enumerable.Range(0, (int)features).Select(i => i % groups)];
}
