using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Evaluation;

/// <summary>How patches of two sets of pictures differ, at each level of a Laplacian pyramid, along directions of chance.</summary>
/// <remarks>Karras et al. 2018, https://arxiv.org/abs/1710.10196, section 5, and its code: 128 patches of 7 x 7 of each picture and level, channels made standard over each set, 4 x 128 directions.</remarks>
public static class SlicedWasserstein
{
    private const int PatchSize = 7, Patches = 128, Repeats = 4, Directions = 128, Least = 16;

    /// <summary>A thousand times the distance at each level, the finest first; the last is of what the coarsest leaves.</summary>
    /// <param name="a">[N, C, H, W] in [0, 1].</param>
    /// <param name="b">As many.</param>
    /// <exception cref="ArgumentException">The two differ in number or shape: sorted numbers are compared one with one.</exception>
    public static IReadOnlyList<double> Of(Tensor a, Tensor b)
    {
        b.ExpectShape(a.shape);
        using var scope = NewDisposeScope();
        using var chance = new Generator((ulong)Seeds.At(0, 0, "swd"), CPU);
        return [.. Pyramid(a).Zip(Pyramid(b)).Select(level =>
        {
            using var step = NewDisposeScope();
            Tensor x = Descriptors(level.First, chance), y = Descriptors(level.Second, chance);              // [P, C * 49] each
            var sum = 0.0;
            for (var i = 0; i < Repeats; i++)
            {
                var directions = functional.normalize(randn([Directions, x.shape[1]], generator: chance), dim: 1);
                sum += (matmul(directions, x.t()).sort(1).Values - matmul(directions, y.t()).sort(1).Values).abs().mean().item<float>();
            }
            return 1000 * sum / Repeats;
        })];
    }

    // Differences of each level to the next coarser one made as large; what is left at 16 pixels is the last. Values of 0..255, as in the code.
    internal static List<Tensor> Pyramid(Tensor pictures)
    {
        var levels = new List<Tensor>();
        var x = pictures.to_type(ScalarType.Float32) * 255;
        while (x.shape[2] / 2 >= Least)
        {
            var coarse = Smooth(x)[.., .., TensorIndex.Slice(step: 2), TensorIndex.Slice(step: 2)];
            var back = zeros_like(x);
            back[.., .., TensorIndex.Slice(step: 2), TensorIndex.Slice(step: 2)] = coarse;
            levels.Add(x - 4 * Smooth(back));
            x = coarse;
        }
        levels.Add(x);
        return levels;
    }

    // Burt and Adelson 1983: 1 4 6 4 1 both ways, mirrored at the edge.
    private static Tensor Smooth(Tensor x)
    {
        var line = tensor(new[] { 1f, 4, 6, 4, 1 }) / 16;
        var channels = x.shape[1];
        var kernel = outer(line, line).view(1, 1, 5, 5).expand(channels, 1, 5, 5);
        return functional.conv2d(functional.pad(x, [2, 2, 2, 2], PaddingModes.Reflect), kernel, groups: channels);
    }

    // Patches anywhere in each picture; each channel then has mean 0 and deviation 1 over the whole set.
    private static Tensor Descriptors(Tensor level, Generator chance)
    {
        long n = level.shape[0], c = level.shape[1], h = level.shape[2], w = level.shape[3];
        var size = Math.Min(PatchSize, Math.Min(h, w));
        var flat = level.permute(0, 2, 3, 1).reshape(n * h * w, c);                                          // [N H W, C]
        Tensor y = randint(0, h - size + 1, [n, Patches, 1, 1], generator: chance), x = randint(0, w - size + 1, [n, Patches, 1, 1], generator: chance);
        var at = arange(n).view(-1, 1, 1, 1) * h * w + (y + arange(size).view(1, 1, -1, 1)) * w + x + arange(size).view(1, 1, 1, -1);
        var patches = flat.index_select(0, at.flatten()).view(n * Patches, size * size, c);
        patches = (patches - patches.mean([0, 1], keepdim: true)) / (patches.std([0, 1], unbiased: false, keepdim: true) + 1e-8);
        return patches.flatten(1);
    }
}
