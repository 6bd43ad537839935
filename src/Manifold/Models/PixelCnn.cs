// PixelCNN: one stack of masked convolutions with residual blocks.
//
//   x [B, C, H, W] --> mask A --> (relu, 1 x 1, relu, mask B, relu, 1 x 1, + what came in) ... --> relu, 1 x 1 --> relu, 1 x 1 --> [B, P, H, W]
//
// van den Oord et al. 2016, "Pixel Recurrent Neural Networks", https://arxiv.org/abs/1601.06759, sections 3.3 to 3.5 and figure 5. It has a
// blind spot: of the rows above it does not see a wedge to the right. The gated PixelCNN is there because of it.
// Differs from it: a channel of ones tells the border from black; classes and maps, which the gated one brought.

using Manifold.Data;
using Manifold.Engine;
using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Models;

/// <summary>Settings of <see cref="PixelCnn"/>.</summary>
public sealed record PixelCnnSettings
{
    public long Channels { get; init; } = 32;                                // 2 h: between the blocks; half of it inside
    public int Blocks { get; init; } = 6;
    public long FirstKernel { get; init; } = 7;                              // rows and columns of the first layer's kernel, before its lower half is left out
    public long Kernel { get; init; } = 3;                                   // of the blocks'
    public bool WeightNorm { get; init; } = true;                            // of the masked weights
    public bool Conditional { get; init; }                                   // whether it is told the picture's class
    public LikelihoodSettings Likelihood { get; init; } = new();             // of a pixel

    /// <exception cref="ArgumentOutOfRangeException">A size is out of range.</exception>
    public PixelCnnSettings Validated(int groups)
    {
        SettingChecks.NeedPositive(Channels, "model.channels");
        SettingChecks.NeedPositive(FirstKernel, "model.first_kernel");
        SettingChecks.NeedPositive(Kernel, "model.kernel");
        SettingChecks.Need(Channels % (2 * groups) == 0, "model.channels", Channels, $"a multiple of {2 * groups}: halved in a block, and as many for each channel of the picture");
        SettingChecks.Need(Blocks >= 0, "model.blocks", Blocks, "0 or more");
        return this;
    }
}

/// <summary>The PixelCNN.</summary>
public sealed class PixelCnn : PixelModel, ICausalNet
{
    private readonly MaskedConv2d first;
    private readonly Told told;
    private readonly List<(MaskedConv2d In, MaskedConv2d Middle, MaskedConv2d Out)> blocks = [];
    private readonly MaskedConv2d beforeLast, last;

    /// <param name="classes">How many classes the data has; they are used only if the settings say so.</param>
    /// <param name="mapChannels">Of a map that the model is told of every pixel.</param>
    /// <exception cref="ArgumentException">The settings are out of range.</exception>
    public PixelCnn(PictureShape shape, PixelCnnSettings settings, int classes = 0, int mapChannels = 0)
        : base(nameof(PixelCnn), shape, settings.Likelihood, ClassesTold(settings.Conditional, classes), mapChannels)
    {
        var wide = ChannelGroups.Of(settings.Validated(Groups).Channels, Groups);
        var narrow = ChannelGroups.Of(settings.Channels / 2, Groups);
        MaskedConv2d Masked(string name, Mask kind, IReadOnlyList<int> inputs, IReadOnlyList<int> outputs, long kernel)
        {
            var layer = new MaskedConv2d(kind, inputs, outputs, kernel, kernel, settings.WeightNorm);
            register_module(name, layer);
            return layer;
        }
        first = Masked(nameof(first), Mask.A, InputGroups, wide, settings.FirstKernel);
        told = new Told(Classes, mapChannels, settings.Channels);
        register_module(nameof(told), told);
        for (var i = 0; i < settings.Blocks; i++)
            blocks.Add((Masked($"block{i}_in", Mask.B, wide, narrow, 1), Masked($"block{i}_middle", Mask.B, narrow, narrow, settings.Kernel), Masked($"block{i}_out", Mask.B, narrow, wide, 1)));
        beforeLast = Masked(nameof(beforeLast), Mask.B, wide, wide, 1);
        last = Masked(nameof(last), Mask.B, wide, ChannelGroups.Of(Likelihood.Outputs, Groups), 1);
    }

    public override Tensor Outputs(Tensor x, Tensor? condition = null, Tensor? map = null)
    {
        Check(condition, map);
        var h = first.call(WithBorder(x));                                                        // [B, 2 h, H, W]
        if (told.Of(condition, map) is { } more) h = h + more;
        static Tensor Relu(Tensor x) => nn.functional.relu(x);
        foreach (var (into, middle, outOf) in blocks)
        {
            using var scope = NewDisposeScope();                                                  // what no gradient needs is freed at once
            h = (h + outOf.call(Relu(middle.call(Relu(into.call(Relu(h))))))).MoveToOuterDisposeScope();
        }
        return last.call(Relu(beforeLast.call(Relu(h))));
    }

    public CausalGraph Graph(Tensor? condition = null, Tensor? map = null)
    {
        Check(condition, map);
        var nodes = new List<CausalNode>();
        CausalNode Next(CausalNode from, MaskedConv2d through, Ending ending, params CausalNode[] adds)
        {
            nodes.Add(new CausalNode(Clock.Pixel, (int)through.Bias.shape[0]) { Convolutions = [new(from, through)], Adds = adds, Ending = ending, Given = through == first ? told.Of(condition, map) : null });
            return nodes[^1];
        }
        CausalNode Relu(CausalNode from)
        {
            nodes.Add(new CausalNode(Clock.Pixel, from.Features) { Adds = [from], Ending = Ending.Relu });
            return nodes[^1];
        }
        var picture = Picture();
        var h = Next(picture, first, Ending.None);
        foreach (var (into, middle, outOf) in blocks)
            h = Next(Next(Next(Relu(h), into, Ending.Relu), middle, Ending.Relu), outOf, Ending.None, h);
        Next(Next(Relu(h), beforeLast, Ending.Relu), last, Ending.None);
        return new CausalGraph(picture, nodes);
    }
}
