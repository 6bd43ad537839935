// PixelCNN++: two streams put where they may look, halved and doubled in size, with short cuts between mirrored layers.
//
//   x [B, C, H, W] --> u: all rows above ------> blocks --half--> blocks --half--> blocks --double--> blocks --double--> blocks
//                  \-> l: rows above and left -> blocks --half--> blocks --half--> blocks --double--> blocks --double--> blocks --> 1 x 1 --> [B, P, H, W]
//                      (every block of l sees u; every block on the way up sees its mirror on the way down)
//
// Salimans et al. 2017, "PixelCNN++", https://arxiv.org/abs/1701.05517, and its published code (github.com/openai/pixel-cnn).
// Differs from them: sizes that are odd are rounded up and cut again; the number of blocks is the same at all sizes.

using Manifold.Data;
using Manifold.Engine;
using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Models;

/// <summary>Settings of <see cref="PixelCnnPlus"/>.</summary>
public sealed record PixelCnnPlusSettings
{
    public long Filters { get; init; } = 24;                                 // of each stream
    public int Blocks { get; init; } = 1;                                    // at each size, on the way down; one more on the way up, where the size was not doubled last
    public int Sizes { get; init; } = 3;                                     // how often the map is halved, and once more
    public double Dropout { get; init; } = 0.5;
    public bool Conditional { get; init; }                                   // whether it is told the picture's class
    public LikelihoodSettings Likelihood { get; init; } = new() { Kind = Layers.Likelihood.LogisticMixture };   // of a pixel

    /// <exception cref="ArgumentOutOfRangeException">A size is out of range.</exception>
    public PixelCnnPlusSettings Validated(PictureShape shape)
    {
        SettingChecks.NeedPositive(Filters, "model.filters");
        SettingChecks.NeedPositive(Blocks, "model.blocks");
        SettingChecks.Need(Dropout is >= 0 and < 1, "model.dropout", Dropout, "0 or more and below 1");
        SettingChecks.Need(Sizes >= 1 && 1 << (Sizes - 1) <= Math.Min(shape.Height, shape.Width), "model.sizes", Sizes, $"1 or more, and few enough that {shape.Height} x {shape.Width} pixels can be halved once less");
        return this;
    }
}

/// <summary>The PixelCNN++.</summary>
public sealed class PixelCnnPlus : PixelModel, ICausalNet, IStartsFromData
{
    private readonly ShiftedConv2d firstRows, firstAbove, firstLeft, last;
    private readonly List<Stage> down = [], up = [];
    private readonly int sizes;

    /// <param name="classes">How many classes the data has; they are used only if the settings say so.</param>
    /// <param name="mapChannels">Of a map that the model is told of every pixel.</param>
    /// <exception cref="ArgumentException">The settings are out of range.</exception>
    public PixelCnnPlus(PictureShape shape, PixelCnnPlusSettings settings, int classes = 0, int mapChannels = 0)
        : base(nameof(PixelCnnPlus), shape, settings.Validated(shape).Likelihood, ClassesTold(settings.Conditional, classes), mapChannels)
    {
        if (Groups > 1) throw new ArgumentException($"model.likelihood.kind is one that draws the {shape.Channels} channels of a pixel one after the other, and the network of PixelCNN++ gives a pixel at once: set it to logistic_mixture.", nameof(settings));
        var f = settings.Filters;
        sizes = settings.Sizes;
        firstRows = new ShiftedConv2d(shape.Channels + 1, f, 2, 3, Reach.Sides);
        firstAbove = new ShiftedConv2d(shape.Channels + 1, f, 1, 3, Reach.Sides);
        firstLeft = new ShiftedConv2d(shape.Channels + 1, f, 2, 1, Reach.Left);
        last = new ShiftedConv2d(f, Likelihood.Outputs, 1, 1, Reach.Left);
        register_module(nameof(firstRows), firstRows);
        register_module(nameof(firstAbove), firstAbove);
        register_module(nameof(firstLeft), firstLeft);
        for (var size = 0; size < sizes; size++)
        {
            down.Add(new Stage(f, settings.Blocks, isUp: false, size + 1 < sizes ? Scaling.Half : Scaling.Same, settings.Dropout, Classes, mapChannels));
            up.Add(new Stage(f, settings.Blocks + (size == 0 ? 0 : 1), isUp: true, size + 1 < sizes ? Scaling.Double : Scaling.Same, settings.Dropout, Classes, mapChannels));
            register_module($"down{size}", down[size]);
            register_module($"up{size}", up[size]);
        }
        register_module(nameof(last), last);
    }

    public void StartFrom(Batch batch)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        foreach (var layer in modules().OfType<ShiftedConv2d>()) layer.IsStarting = true;
        Outputs(batch.X, Condition.OneHot(batch.Labels, Classes, batch.X.dtype));
    }

    public override Tensor Outputs(Tensor x, Tensor? condition = null, Tensor? map = null)
    {
        Check(condition, map);
        var seen = WithBorder(x);                                                                 // [B, C + 1, H, W]
        var u = MovedDown(firstRows.call(seen));                                                  // of the rows above
        var l = MovedDown(firstAbove.call(seen)) + MovedRight(firstLeft.call(seen));              // of the row above and the column on the left
        var kept = new Stack<(Tensor U, Tensor L)>([(u, l)]);
        for (var size = 0; size < sizes; size++)
        {
            foreach (var (ofU, ofL) in down[size].Blocks)
            {
                u = ofU.Forward(u, [], condition, Pooled(map, size));
                l = ofL.Forward(l, [u], condition, Pooled(map, size));
                kept.Push((u, l));
            }
            if (size + 1 == sizes) break;
            (u, l) = down[size].Rescaled(u, l);
            kept.Push((u, l));
        }
        (u, l) = kept.Pop();
        for (var size = sizes - 1; size >= 0; size--)
        {
            foreach (var (ofU, ofL) in up[sizes - 1 - size].Blocks)
            {
                var mirror = kept.Pop();
                u = ofU.Forward(u, [mirror.U], condition, Pooled(map, size));
                l = ofL.Forward(l, [u, mirror.L], condition, Pooled(map, size));
            }
            if (size == 0) break;
            var (height, width) = (kept.Peek().U.shape[2], kept.Peek().U.shape[3]);
            (u, l) = up[sizes - 1 - size].Rescaled(u, l);
            (u, l) = (u.narrow(2, 0, height).narrow(3, 0, width), l.narrow(2, 0, height).narrow(3, 0, width));   // sizes that were odd
        }
        return last.call(functional.elu(l, 1));
    }

    public CausalGraph Graph(Tensor? condition = null, Tensor? map = null)
    {
        Check(condition, map);
        var nodes = new List<CausalNode>();
        CausalNode Add(CausalNode node)
        {
            nodes.Add(node);
            return node;
        }
        var (picture, f) = (Picture(), (int)firstRows.Bias.shape[0]);
        var u = Add(new CausalNode(Clock.Row, f) { Convolutions = [new(picture, firstRows, RowShift: -1)], First = (1, 0) });
        var above = Add(new CausalNode(Clock.Row, f) { Convolutions = [new(picture, firstAbove, RowShift: -1)], First = (1, 0) });
        var left = Add(new CausalNode(Clock.Pixel, f) { Convolutions = [new(picture, firstLeft, ColumnShift: -1)], First = (0, 1) });
        var l = Add(new CausalNode(Clock.Pixel, f) { Adds = [above, left] });
        var kept = new Stack<(CausalNode U, CausalNode L)>([(u, l)]);
        for (var size = 0; size < sizes; size++)
        {
            foreach (var (ofU, ofL) in down[size].Blocks)
            {
                u = ofU.Extend(nodes, u, [], condition, Pooled(map, size));
                l = ofL.Extend(nodes, l, [u], condition, Pooled(map, size));
                kept.Push((u, l));
            }
            if (size + 1 == sizes) break;
            (u, l) = down[size].Rescaled(nodes, u, l);
            kept.Push((u, l));
        }
        (u, l) = kept.Pop();
        for (var size = sizes - 1; size >= 0; size--)
        {
            foreach (var (ofU, ofL) in up[sizes - 1 - size].Blocks)
            {
                var mirror = kept.Pop();
                u = ofU.Extend(nodes, u, [mirror.U], condition, Pooled(map, size));
                l = ofL.Extend(nodes, l, [u, mirror.L], condition, Pooled(map, size));
            }
            if (size > 0) (u, l) = up[sizes - 1 - size].Rescaled(nodes, u, l);
        }
        var end = Add(new CausalNode(Clock.Pixel, f) { Adds = [l], Ending = Ending.Elu });
        Add(new CausalNode(Clock.Pixel, (int)Likelihood.Outputs) { Convolutions = [new(end, last)] });
        return new CausalGraph(picture, nodes);
    }

    private static Tensor MovedDown(Tensor maps) => functional.pad(maps, [0, 0, 1, -1]);
    private static Tensor MovedRight(Tensor maps) => functional.pad(maps, [1, -1, 0, 0]);

    // A map for a size: the mean over the pixels that a place stands for.
    private static Tensor? Pooled(Tensor? map, int size) => map is null || size == 0 ? map : functional.avg_pool2d(map, 1L << size, ceil_mode: true);

    /// <summary>The blocks of both streams at one size, and how they leave it.</summary>
    private sealed class Stage : Module
    {
        private readonly ShiftedConv2d? rescaleU, rescaleL;

        public Stage(long filters, int blocks, bool isUp, Scaling scaling, double dropout, int classes, int mapChannels) : base(nameof(Stage))
        {
            for (var i = 0; i < blocks; i++)
            {
                Blocks.Add((new(filters, Reach.Sides, isUp ? 1 : 0, dropout, new(classes, mapChannels, 2 * filters)), new(filters, Reach.Left, isUp ? 2 : 1, dropout, new(classes, mapChannels, 2 * filters))));
                register_module($"u{i}", Blocks[i].U);
                register_module($"l{i}", Blocks[i].L);
            }
            if (scaling == Scaling.Same) return;
            register_module(nameof(rescaleU), rescaleU = new ShiftedConv2d(filters, filters, 2, 3, Reach.Sides, scaling));
            register_module(nameof(rescaleL), rescaleL = new ShiftedConv2d(filters, filters, 2, 2, Reach.Left, scaling));
        }

        public List<(GatedResnet U, GatedResnet L)> Blocks { get; } = [];

        public (Tensor U, Tensor L) Rescaled(Tensor u, Tensor l) => (rescaleU!.call(u), rescaleL!.call(l));

        public (CausalNode U, CausalNode L) Rescaled(List<CausalNode> nodes, CausalNode u, CausalNode l)
        {
            CausalNode Add(CausalNode source, ShiftedConv2d through)
            {
                nodes.Add(new CausalNode(source.Clock, (int)through.Bias.shape[0]) { Convolutions = [new(source, through)], Stride = source.Stride * through.Down / through.Up });
                return nodes[^1];
            }
            return (Add(u, rescaleU!), Add(l, rescaleL!));
        }
    }

    /// <summary>x + a sigmoid(b), a and b from two convolutions of x and of what other maps at its place say.</summary>
    private sealed class GatedResnet : Module
    {
        private readonly ShiftedConv2d first, second;
        private readonly ShiftedConv2d? beside;
        private readonly Told told;
        private readonly double dropout;

        public GatedResnet(long filters, Reach reach, int others, double dropout, Told told) : base(nameof(GatedResnet))
        {
            (this.told, this.dropout) = (told, dropout);
            ShiftedConv2d Shifted(long outputs, double start) => new(2 * filters, outputs, 2, reach == Reach.Sides ? 3 : 2, reach, start: start);
            register_module(nameof(first), first = Shifted(filters, 1));
            register_module(nameof(second), second = Shifted(2 * filters, 0.1));
            register_module(nameof(told), told);
            if (others > 0) register_module(nameof(beside), beside = new ShiftedConv2d(2 * filters * others, filters, 1, 1, reach));
        }

        public Tensor Forward(Tensor x, Tensor[] others, Tensor? condition, Tensor? map)
        {
            static Tensor Elu(Tensor x) => Endings.Of(Ending.ConcatElu, x);
            using var scope = NewDisposeScope();                                                  // what no gradient needs is freed at once
            var h = first.call(Elu(x));                                                           // [B, F, H, W]
            if (others.Length > 0) h = h + beside!.call(cat([.. others.Select(Elu)], 1));
            var y = second.call(FastDropout.Of(Elu(h), dropout, training));                   // [B, 2 F, H, W]
            if (told.Of(condition, map) is { } more) y = y + more;
            return (x + Endings.Of(Ending.LinearGate, y)).MoveToOuterDisposeScope();
        }

        public CausalNode Extend(List<CausalNode> nodes, CausalNode x, CausalNode[] others, Tensor? condition, Tensor? map)
        {
            CausalNode Add(CausalNode node)
            {
                nodes.Add(node);
                return node;
            }
            CausalNode At(int sums) => new(x.Clock, sums) { Stride = x.Stride };
            CausalNode Elu(CausalNode from) => Add(new CausalNode(from.Clock, from.Features) { Stride = from.Stride, Adds = [from], Ending = Ending.ConcatElu });
            var width = 2 * x.Features;
            var h = Add(At(x.Features) with
            {
                Convolutions = [new(Elu(x), first), .. others.Select((other, i) => new CausalSum(Elu(other), new PartOfInputs(beside!, i * width, width, withBias: i == 0)))],
                Ending = Ending.ConcatElu,
            });
            var gate = Add(At(width) with { Convolutions = [new(h, second)], Given = told.Of(condition, map), Ending = Ending.LinearGate });
            return Add(At(x.Features) with { Adds = [x, gate] });
        }
    }
}
