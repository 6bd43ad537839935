using Manifold.Engine;
using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Bench;

/// <summary>Where the time of a step of the gated PixelCNN goes: its parts, forward and backward, in the ways that they could be done.</summary>
internal static class OrderProfile
{
    public static void Print()
    {
        Tensor Map(long channels) => randn(64, channels, 28, 28).requires_grad_(true);
        Tensor x2 = Map(2), x16 = Map(16), x32 = Map(32), g16 = randn(64, 16, 28, 28), g32 = randn(64, 32, 28, 28);
        Tensor tall = randn(32, 16, 3, 5).requires_grad_(true), wide = randn(32, 16, 1, 3).requires_grad_(true), dot = randn(32, 32, 1, 1).requires_grad_(true), first = randn(32, 2, 4, 7).requires_grad_(true);
        var masked = new MaskedConv2d(Mask.Row, ChannelGroups.Of(16, 1), ChannelGroups.Of(32, 1), 5, 5, weightNorm: true);
        Tensor Last(Tensor x) => x.detach().permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2).requires_grad_(true);
        Tensor l16 = Last(x16), l32 = Last(x32), h32 = Last(g32).detach(), h16 = Last(g16).detach(), ltall = Last(tall), lwide = Last(wide), ldot = Last(dot), l2 = Last(x2), lfirst = Last(first);
        (string Name, Action Step)[] parts =
        [
            ("gate", () => Endings.Of(Ending.TanhGate, x32).backward([g16])),
            ("gate, forward", () => { using var _ = no_grad(); Endings.Of(Ending.TanhGate, x32); }),
            ("3 x 5, padded, cut", () => functional.conv2d(x16, tall, padding: [2, 2]).narrow(2, 0, 28).backward([g32])),
            ("3 x 5, padded first", () => functional.conv2d(functional.pad(x16, [0, 0, 2, 0]), tall, padding: [0, 2]).backward([g32])),
            ("3 x 5, all padded first", () => functional.conv2d(functional.pad(x16, [2, 2, 2, 0]), tall).backward([g32])),
            ("1 x 3, padded, cut", () => functional.conv2d(x16, wide, padding: [0, 2]).narrow(3, 0, 28).backward([g32])),
            ("1 x 3, padded first", () => functional.conv2d(functional.pad(x16, [2, 0, 0, 0]), wide).backward([g32])),
            ("4 x 7 of two channels, padded, cut", () => functional.conv2d(x2, first, padding: [3, 3]).narrow(2, 0, 28).backward([g32])),
            ("4 x 7 of two channels, padded first", () => functional.conv2d(functional.pad(x2, [3, 3, 3, 0]), first).backward([g32])),
            ("1 x 1, 32 to 32", () => functional.conv2d(x32, dot).backward([g32])),
            ("1 x 1, 32 to 32, as a product", () => dot.view(1, 32, 32).matmul(x32.flatten(2)).view(64, 32, 28, 28).backward([g32])),
            ("channels last: gate", () => Endings.Of(Ending.TanhGate, l32).backward([h16])),
            ("channels last: 3 x 5, padded, cut", () => functional.conv2d(l16, ltall, padding: [2, 2]).narrow(2, 0, 28).backward([h32])),
            ("channels last: 3 x 5, padded first", () => functional.conv2d(functional.pad(l16, [0, 0, 2, 0]), ltall, padding: [0, 2]).backward([h32])),
            ("channels last: 1 x 3, padded first", () => functional.conv2d(functional.pad(l16, [2, 0, 0, 0]), lwide).backward([h32])),
            ("channels last: 1 x 1, 32 to 32", () => functional.conv2d(l32, ldot).backward([h32])),
            ("channels last: 1 x 1, as a product", () => l32.permute(0, 2, 3, 1).matmul(ldot.view(32, 32).t()).permute(0, 3, 1, 2).backward([h32])),
            ("channels last: 4 x 7 of two channels, padded first", () => functional.conv2d(functional.pad(l2, [3, 3, 3, 0]), lfirst).backward([h32])),
            ("channels last: down a row", () => functional.pad(l32, [0, 0, 1, -1]).backward([h32])),
            ("3 x 5 cut into columns, as a product", () => tall.view(1, 32, -1).matmul(functional.unfold(functional.pad(x16, [2, 2, 2, 0]), (3, 5))).view(64, 32, 28, 28).backward([g32])),
            ("down a row", () => functional.pad(x32, [0, 0, 1, -1]).backward([g32])),
            ("masked and normed weight of a layer", () => masked.Effective().backward([ones(32, 16, 3, 5)])),
        ];
        Tensor x4 = rand(16, 3, 32, 32), said = randn(16, 100, 32, 32).requires_grad_(true), m24 = Last(randn(16, 24, 32, 32)), m48 = Last(randn(16, 48, 32, 32)), g48 = Last(randn(16, 48, 32, 32)).detach(), g24 = Last(randn(16, 24, 32, 32)).detach();
        var mixture = PixelLikelihood.Create(new(3, 32, 32), new() { Kind = Likelihood.LogisticMixture });
        ShiftedConv2d Conv(long a, long b, int r, int c, Reach reach) => new ShiftedConv2d(a, b, r, c, reach).ToChannelsLast();
        ShiftedConv2d up1 = Conv(48, 24, 2, 3, Reach.Sides), up2 = Conv(48, 48, 2, 3, Reach.Sides), left1 = Conv(48, 24, 2, 2, Reach.Left), left2 = Conv(48, 48, 2, 2, Reach.Left), beside = Conv(96, 24, 1, 1, Reach.Left);
        var m96 = Last(randn(16, 96, 32, 32));
        parts =
        [
            .. parts,
            ("PixelCNN++: the law of ten logistics", () => mixture.LogProb(x4, said).sum().backward()),
            ("PixelCNN++: 48 to 24, 2 x 3", () => up1.call(m48).backward([g24])),
            ("PixelCNN++: 48 to 48, 2 x 3", () => up2.call(m48).backward([g48])),
            ("PixelCNN++: 48 to 24, 2 x 2", () => left1.call(m48).backward([g24])),
            ("PixelCNN++: 48 to 48, 2 x 2", () => left2.call(m48).backward([g48])),
            ("PixelCNN++: 96 to 24, 1 x 1", () => beside.call(m96).backward([g24])),
            ("PixelCNN++: doubled elu", () => Endings.Of(Ending.ConcatElu, m24).backward([g48])),
            ("PixelCNN++: libtorch's dropout", () => functional.dropout(m48, 0.5, true).backward([g48])),
            ("PixelCNN++: dropout", () => FastDropout.Of(m48, 0.5, true).backward([g48])),
        ];
        var times = Stopwatches.InTurn([.. parts.Select(part => (Action)(() =>
        {
            using var scope = NewDisposeScope();
            part.Step();
        }))]);
        for (var i = 0; i < parts.Length; i++) Console.WriteLine($"{parts[i].Name,-46}{times[i],8:F3} ms");
    }
}
