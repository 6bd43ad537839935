// Gated PixelCNN: two stacks of masked convolutions, without a blind spot.
//
//   x [B, C, H, W] --+--> vertical: all rows above ----gate--> ... (no sight of one's own row)
//                    |            | down a row, 1 x 1
//                    +--> horizontal: left of it ------gate--> 1 x 1 --(+ what came in)--> ... --> gated 1 x 1, twice --> 1 x 1 --> [B, P, H, W]
//
// van den Oord et al. 2016, "Conditional Image Generation with PixelCNN Decoders", https://arxiv.org/abs/1606.05328. Widths and the
// output layers as PixelVAE's stack for binary MNIST (Gulrajani et al. 2016, https://arxiv.org/abs/1611.05013).
// Differs from them: a channel of ones tells the border from black.

using Manifold.Data;
using Manifold.Engine;
using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Models;

/// <summary>Settings of <see cref="GatedPixelCnn"/>.</summary>
public sealed record GatedPixelCnnSettings
{
    public long Channels { get; init; } = 16;                                // of each stack, after the gate
    public int Layers { get; init; } = 5;                                    // after the first
    public long FirstKernel { get; init; } = 7;                              // rows and columns of the first layer's kernel, before its lower half is left out
    public long Kernel { get; init; } = 5;                                   // of the others'
    public bool WeightNorm { get; init; } = true;                            // of the masked weights
    public bool Conditional { get; init; }                                   // whether it is told the picture's class
    public LikelihoodSettings Likelihood { get; init; } = new();             // of a pixel

    /// <exception cref="ArgumentOutOfRangeException">A size is out of range.</exception>
    public GatedPixelCnnSettings Validated(int groups)
    {
        SettingChecks.NeedPositive(Channels, "model.channels");
        SettingChecks.Need(Channels % groups == 0, "model.channels", Channels, $"a multiple of {groups}, as many for each channel of the picture");
        SettingChecks.Need(Layers >= 0, "model.layers", Layers, "0 or more");
        return this;
    }
}

/// <summary>The gated PixelCNN.</summary>
public sealed class GatedPixelCnn : PixelModel
{
    private readonly List<GatedLayer> layers = [];
    private readonly List<MaskedConv2d> tops = [];

    /// <param name="classes">How many classes the data has; they are used only if the settings say so.</param>
    /// <exception cref="ArgumentException">The settings are out of range.</exception>
    public GatedPixelCnn(PictureShape shape, GatedPixelCnnSettings settings, int classes = 0)
        : base(nameof(GatedPixelCnn), shape, settings.Likelihood, Told(settings.Conditional, classes))
    {
        var groups = ChannelGroups.Of(settings.Validated(Groups).Channels, Groups);
        var twice = ChannelGroups.Of(2 * settings.Channels, Groups);
        for (var i = 0; i <= settings.Layers; i++)
        {
            layers.Add(new GatedLayer(i == 0 ? Mask.A : Mask.B, i == 0 ? InputGroups : groups, settings.Channels, i == 0 ? settings.FirstKernel : settings.Kernel, Groups, Classes, settings.WeightNorm));
            register_module($"layer{i}", layers[i]);
        }
        for (var i = 0; i < 3; i++)
        {
            tops.Add(new MaskedConv2d(Mask.B, groups, i < 2 ? twice : ChannelGroups.Of(Likelihood.Outputs, Groups), 1, 1, settings.WeightNorm));
            register_module($"top{i}", tops[i]);
        }
    }

    /// <summary>The layers from the picture on, for those who run them a pixel at a time.</summary>
    public IReadOnlyList<GatedLayer> Layers => layers;

    /// <summary>The three 1 x 1 convolutions at the end, a gate behind each of the first two.</summary>
    public IReadOnlyList<MaskedConv2d> Tops => tops;

    public override Tensor Outputs(Tensor x, Tensor? condition = null)
    {
        condition = Checked(condition, x.shape[0]);
        Tensor vertical = WithBorder(x), horizontal = vertical;                                   // [B, C + 1, H, W]
        foreach (var layer in layers) (vertical, horizontal) = layer.call(vertical, horizontal, condition);
        foreach (var top in tops.SkipLast(1)) horizontal = GatedLayer.Gate(top.call(horizontal));
        return tops[^1].call(horizontal);
    }

    internal static int Told(bool conditional, int classes) =>
        !conditional ? 0 : classes > 0 ? classes : throw new ArgumentException("model.conditional is true, and the data has no labels; it needs a set with classes.", nameof(classes));
}

/// <summary>One step of both stacks.</summary>
public sealed class GatedLayer : Module<Tensor, Tensor, Tensor?, (Tensor Vertical, Tensor Horizontal)>
{
    private readonly MaskedConv2d vertical, down, horizontal, mix;
    private readonly Module<Tensor, Tensor>? toldVertical, toldHorizontal;
    private readonly bool isFirst;

    public GatedLayer(Mask kind, IReadOnlyList<int> inGroups, long channels, long kernel, int groups, int classes, bool weightNorm) : base(nameof(GatedLayer))
    {
        isFirst = kind == Mask.A;
        IReadOnlyList<int> once = ChannelGroups.Of(channels, groups), twice = ChannelGroups.Of(2 * channels, groups);
        vertical = new MaskedConv2d(Mask.Row, inGroups, twice, kernel, kernel, weightNorm);
        down = new MaskedConv2d(Mask.Row, twice, twice, 1, 1, weightNorm);                         // rows above: every channel of theirs is known
        horizontal = new MaskedConv2d(kind, inGroups, twice, 1, kernel, weightNorm);
        mix = new MaskedConv2d(Mask.B, once, once, 1, 1, weightNorm);
        register_module(nameof(vertical), vertical);
        register_module(nameof(down), down);
        register_module(nameof(horizontal), horizontal);
        register_module(nameof(mix), mix);
        if (classes == 0) return;
        toldVertical = Linear(classes, 2 * channels, hasBias: false);
        toldHorizontal = Linear(classes, 2 * channels, hasBias: false);
        register_module(nameof(toldVertical), toldVertical);
        register_module(nameof(toldHorizontal), toldHorizontal);
    }

    /// <summary>The layer's convolutions: of the vertical stack, from it to the horizontal one, of that, and the last before the sum.</summary>
    public (MaskedConv2d Vertical, MaskedConv2d Down, MaskedConv2d Horizontal, MaskedConv2d Mix) Convolutions => (vertical, down, horizontal, mix);

    /// <summary>Whether what came in is added to what goes out; in the first layer that would show a pixel to itself.</summary>
    public bool IsResidual => !isFirst;

    /// <summary>What a class adds before the gates: [B, classes] to [B, 2 F] for each stack, or nothing.</summary>
    public (Tensor? Vertical, Tensor? Horizontal) Told(Tensor? condition) =>
        condition is null ? (null, null) : (toldVertical!.call(condition), toldHorizontal!.call(condition));

    /// <summary>[B, F, H, W] of each stack to the same.</summary>
    public override (Tensor Vertical, Tensor Horizontal) forward(Tensor above, Tensor left, Tensor? condition)
    {
        var (toV, toH) = Told(condition);
        var v = vertical.call(above);                                                             // [B, 2 F, H, W]: all rows to one's own
        if (toV is not null) v = v + toV.unsqueeze(2).unsqueeze(3);
        var h = horizontal.call(left) + down.call(functional.pad(v, [0, 0, 1, -1]));              // moved down a row: the rows above, and what is left of the pixel
        if (toH is not null) h = h + toH.unsqueeze(2).unsqueeze(3);
        var outgoing = mix.call(Gate(h));
        return (Gate(v), isFirst ? outgoing : left + outgoing);
    }

    /// <summary>y = tanh(a) sigmoid(b), a and b the halves of the channels: [B, 2 F, ...] to [B, F, ...].</summary>
    public static Tensor Gate(Tensor x)
    {
        var f = x.shape[1] / 2;
        return x.narrow(1, 0, f).tanh() * x.narrow(1, f, f).sigmoid();
    }
}
