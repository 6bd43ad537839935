using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Evaluation;

/// <summary>How patches of two sets of pictures differ, at each level of a Laplacian pyramid, along directions of chance.</summary>
/// <remarks>
/// Karras et al. 2018, https://arxiv.org/abs/1710.10196, section 5, and its code: 128 patches of 7 x 7 of each picture and level, channels made
/// standard over each set, 4 x 128 directions. Beside the two pyramids, which are a third larger than the pictures in float32, and 4 kB a
/// picture, it holds at most 512 MB of patches and projections, or one direction's projections where these alone are more (3 kB a picture).
/// </remarks>
public static class SlicedWasserstein
{
    private const int PatchSize = 7, Patches = 128, Repeats = 4, Directions = 128, Least = 16;
    private const int Pictures = 100;                                          // whose patches are cut out at a time
    private const long BytesOfPatches = 128L << 20;                            // of each set; more are cut out anew for every few directions
    private const long BytesOfProjections = 256L << 20;
    private const int BytesOfProjection = 24;                                  // float32 of both sets, and a sort's values and int64 indexes

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
            Descriptors x = new(level.First, chance), y = new(level.Second, chance);
            var sum = 0.0;
            for (var i = 0; i < Repeats; i++)
            {
                using var repeat = NewDisposeScope();
                sum += Distance(x, y, functional.normalize(randn([Directions, x.Width], generator: chance), dim: 1));
            }
            return 1000 * sum / Repeats;
        })];
    }

    // Mean absolute difference of the sorted projections, a few directions at a time.
    private static double Distance(Descriptors x, Descriptors y, Tensor directions)
    {
        var sum = 0.0;
        foreach (var some in directions.split(Math.Clamp(BytesOfProjections / (x.Count * BytesOfProjection), 1, Directions)))
        {
            using var step = NewDisposeScope();
            Tensor ofX = x.SortedAlong(some), ofY = y.SortedAlong(some);
            sum += ofX.sub_(ofY).abs_().sum(ScalarType.Float64).item<double>();
        }
        return sum / ((double)Directions * x.Count);
    }

    // Differences of each level to the next coarser one made as large; what is left at 16 pixels is the last. Values of 0..255, as in the code.
    internal static List<Tensor> Pyramid(Tensor pictures)
    {
        List<Tensor>? all = null;
        for (var at = 0L; at < pictures.shape[0]; at += Pictures)
        {
            using var step = NewDisposeScope();
            var levels = Levels(pictures.narrow(0, at, Math.Min(Pictures, pictures.shape[0] - at)));
            all ??= [.. levels.Select(level => empty([pictures.shape[0], .. level.shape[1..]]).MoveToOuterDisposeScope())];
            foreach (var (whole, level) in all.Zip(levels)) whole.narrow(0, at, level.shape[0]).copy_(level);
        }
        return all ?? [];
    }

    private static List<Tensor> Levels(Tensor pictures)
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

    /// <summary>Patches anywhere in each picture of a level; each channel has mean 0 and deviation 1 over the whole set.</summary>
    private sealed class Descriptors
    {
        private readonly Tensor level, corners, mean, deviation;               // [N, C, H, W]; [N, Patches], of the upper left; [C] each
        private readonly long size;
        private readonly Tensor? kept;                                         // all of them, [N * Patches, Width], where there is room

        public Descriptors(Tensor level, Generator chance)
        {
            this.level = level;
            long n = level.shape[0], h = level.shape[2], w = level.shape[3];
            size = Math.Min(PatchSize, Math.Min(h, w));
            Tensor y = randint(0, h - size + 1, [n, Patches, 1, 1], generator: chance), x = randint(0, w - size + 1, [n, Patches, 1, 1], generator: chance);
            corners = y.mul_(w).add_(x).view(n, Patches);
            x.Dispose();
            (mean, deviation) = Moments();
            if (Count * Width * sizeof(float) <= BytesOfPatches) kept = InChunks(Standard);
        }

        /// <summary>Patches of all pictures.</summary>
        public long Count => level.shape[0] * Patches;

        /// <summary>Values of a patch.</summary>
        public long Width => size * size * level.shape[1];

        /// <summary>All patches along each direction, smallest first: [D, Width] to [D, Count].</summary>
        public Tensor SortedAlong(Tensor directions)
        {
            using var scope = NewDisposeScope();
            var along = empty([directions.shape[0], Count]);
            ForEachChunk((at, count) =>
            {
                var patches = kept?.narrow(0, at * Patches, count * Patches) ?? Standard(at, count);
                along.narrow(1, at * Patches, count * Patches).copy_(matmul(directions, patches.t()));
            });
            return along.sort(1).Values.MoveToOuterDisposeScope();
        }

        private (Tensor Mean, Tensor Deviation) Moments()
        {
            var channels = level.shape[1];
            Tensor sum = zeros([channels], ScalarType.Float64), squares = zeros([channels], ScalarType.Float64);
            var values = (double)Count * size * size;
            ForEachChunk((at, count) => sum.add_(Cut(at, count).sum([0, 1], type: ScalarType.Float64)));
            var mean = sum / values;
            ForEachChunk((at, count) => squares.add_((Cut(at, count) - mean).square().sum([0, 1])));
            return (mean.to_type(ScalarType.Float32), (squares / values).sqrt().to_type(ScalarType.Float32));
        }

        private Tensor Standard(long at, long count) => ((Cut(at, count) - mean) / (deviation + 1e-8)).flatten(1);

        // [count * Patches, size * size, C] of the pictures from at on.
        private Tensor Cut(long at, long count)
        {
            long c = level.shape[1], h = level.shape[2], w = level.shape[3];
            var flat = level.narrow(0, at, count).permute(0, 2, 3, 1).reshape(count * h * w, c);
            var within = arange(size).view(1, 1, -1, 1) * w + arange(size).view(1, 1, 1, -1);
            var places = arange(count).view(-1, 1, 1, 1) * h * w + corners.narrow(0, at, count).view(count, Patches, 1, 1) + within;
            return flat.index_select(0, places.flatten()).view(count * Patches, size * size, c);
        }

        private Tensor InChunks(Func<long, long, Tensor> make)
        {
            var all = empty([Count, Width]);
            ForEachChunk((at, count) => all.narrow(0, at * Patches, count * Patches).copy_(make(at, count)));
            return all;
        }

        private void ForEachChunk(Action<long, long> see)
        {
            for (var at = 0L; at < level.shape[0]; at += Pictures)
            {
                using var step = NewDisposeScope();
                see(at, Math.Min(Pictures, level.shape[0] - at));
            }
        }
    }
}
