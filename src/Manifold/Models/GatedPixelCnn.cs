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
        SettingChecks.NeedPositive(FirstKernel, "model.first_kernel");
        SettingChecks.NeedPositive(Kernel, "model.kernel");
        SettingChecks.Need(Channels % groups == 0, "model.channels", Channels, $"a multiple of {groups}, as many for each channel of the picture");
        SettingChecks.Need(Layers >= 0, "model.layers", Layers, "0 or more");
        return this;
    }
}

/// <summary>The gated PixelCNN.</summary>
public sealed class GatedPixelCnn : PixelModel, ICausalNet
{
    private readonly List<GatedLayer> layers = [];
    private readonly List<MaskedConv2d> tops = [];

    /// <param name="classes">How many classes the data has; they are used only if the settings say so.</param>
    /// <param name="mapChannels">Of a map that the model is told of every pixel.</param>
    /// <exception cref="ArgumentException">The settings are out of range.</exception>
    public GatedPixelCnn(PictureShape shape, GatedPixelCnnSettings settings, int classes = 0, int mapChannels = 0)
        : base(nameof(GatedPixelCnn), shape, settings.Likelihood, ClassesTold(settings.Conditional, classes), mapChannels)
    {
        var groups = ChannelGroups.Of(settings.Validated(Groups).Channels, Groups);
        var twice = ChannelGroups.Of(2 * settings.Channels, Groups);
        for (var i = 0; i <= settings.Layers; i++)
        {
            var (kind, inputs, kernel) = i == 0 ? (Mask.A, InputGroups, settings.FirstKernel) : (Mask.B, groups, settings.Kernel);
            layers.Add(new GatedLayer(kind, inputs, settings.Channels, kernel, Groups, new(Classes, mapChannels, 2 * settings.Channels), new(Classes, mapChannels, 2 * settings.Channels), settings.WeightNorm));
            register_module($"layer{i}", layers[i]);
        }
        for (var i = 0; i < 3; i++)
        {
            tops.Add(new MaskedConv2d(Mask.B, groups, i < 2 ? twice : ChannelGroups.Of(Likelihood.Outputs, Groups), 1, 1, settings.WeightNorm));
            register_module($"top{i}", tops[i]);
        }
    }

    public override Tensor Outputs(Tensor x, Tensor? condition = null, Tensor? map = null)
    {
        Check(condition, map);
        Tensor vertical = WithBorder(x), horizontal = vertical;                                   // [B, C + 1, H, W]
        foreach (var layer in layers) (vertical, horizontal) = layer.Forward(vertical, horizontal, condition, map);
        foreach (var top in tops.SkipLast(1)) horizontal = Endings.Of(Ending.TanhGate, top.call(horizontal));
        return tops[^1].call(horizontal);
    }

    public CausalGraph Graph(Tensor? condition = null, Tensor? map = null)
    {
        Check(condition, map);
        var nodes = new List<CausalNode>();
        CausalNode picture = Picture(), vertical = picture, horizontal = picture;
        foreach (var layer in layers) (vertical, horizontal) = layer.Extend(nodes, vertical, horizontal, condition, map);
        foreach (var top in tops)
            nodes.Add(horizontal = new CausalNode(Clock.Pixel, (int)top.Bias.shape[0]) { Convolutions = [new(horizontal, top)], Ending = top == tops[^1] ? Ending.None : Ending.TanhGate });
        return new CausalGraph(picture, nodes);
    }
}

/// <summary>One step of both stacks.</summary>
public sealed class GatedLayer : Module
{
    private readonly MaskedConv2d vertical, down, horizontal, mix;
    private readonly Told toldVertical, toldHorizontal;
    private readonly bool isFirst;                                                                // what came in, added to what goes out, would show a pixel to itself

    public GatedLayer(Mask kind, IReadOnlyList<int> inGroups, long channels, long kernel, int groups, Told toldVertical, Told toldHorizontal, bool weightNorm) : base(nameof(GatedLayer))
    {
        isFirst = kind == Mask.A;
        (this.toldVertical, this.toldHorizontal) = (toldVertical, toldHorizontal);
        IReadOnlyList<int> once = ChannelGroups.Of(channels, groups), twice = ChannelGroups.Of(2 * channels, groups);
        vertical = new MaskedConv2d(Mask.Row, inGroups, twice, kernel, kernel, weightNorm);
        down = new MaskedConv2d(Mask.Row, twice, twice, 1, 1, weightNorm);                         // rows above: every channel of theirs is known
        horizontal = new MaskedConv2d(kind, inGroups, twice, 1, kernel, weightNorm);
        mix = new MaskedConv2d(Mask.B, once, once, 1, 1, weightNorm);
        register_module(nameof(vertical), vertical);
        register_module(nameof(down), down);
        register_module(nameof(horizontal), horizontal);
        register_module(nameof(mix), mix);
        register_module(nameof(toldVertical), toldVertical);
        register_module(nameof(toldHorizontal), toldHorizontal);
    }

    /// <summary>[B, F, H, W] of each stack to the same.</summary>
    public (Tensor Vertical, Tensor Horizontal) Forward(Tensor above, Tensor left, Tensor? condition, Tensor? map)
    {
        using var scope = NewDisposeScope();                                                      // what no gradient needs is freed at once
        var v = vertical.call(above);                                                             // [B, 2 F, H, W]: all rows to one's own
        if (toldVertical.Of(condition, map) is { } toV) v = v + toV;
        var h = horizontal.call(left) + down.call(MovedDown(v));                                  // the rows above, and what is left of the pixel
        if (toldHorizontal.Of(condition, map) is { } toH) h = h + toH;
        var outgoing = mix.call(Endings.Of(Ending.TanhGate, h));                          // y = tanh(a) sigmoid(b)
        return (Endings.Of(Ending.TanhGate, v).MoveToOuterDisposeScope(), (isFirst ? outgoing : left + outgoing).MoveToOuterDisposeScope());
    }

    /// <summary>The same as nodes. The vertical stack's stand a row further down: what they hold at a row is of the rows above it.</summary>
    public (CausalNode Vertical, CausalNode Horizontal) Extend(List<CausalNode> nodes, CausalNode above, CausalNode left, Tensor? condition, Tensor? map)
    {
        CausalNode Add(CausalNode node)
        {
            nodes.Add(node);
            return node;
        }
        var sums = (int)vertical.Bias.shape[0];
        var told = toldVertical.Of(condition, map);
        var v = Add(new CausalNode(Clock.Row, sums) { Convolutions = [new(above, vertical, RowShift: isFirst ? -1 : 0)], First = (1, 0), Given = map is null ? told : MovedDown(told!) });
        var gated = Add(new CausalNode(Clock.Row, sums) { Adds = [v], Ending = Ending.TanhGate });
        var start = Add(new CausalNode(Clock.Row, sums) { Convolutions = [new(v, down)], Given = toldHorizontal.Of(condition, map) });
        var h = Add(new CausalNode(Clock.Pixel, sums) { Convolutions = [new(left, horizontal)], Adds = [start], Ending = Ending.TanhGate });
        var outgoing = Add(new CausalNode(Clock.Pixel, sums / 2) { Convolutions = [new(h, mix)], Adds = isFirst ? [] : [left] });
        return (gated, outgoing);
    }

    private static Tensor MovedDown(Tensor maps) => functional.pad(maps, [0, 0, 1, -1]);
}
