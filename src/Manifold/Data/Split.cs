using System.Runtime.InteropServices;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Data;

/// <summary>One part of a set: training, validation or test.</summary>
public sealed class Split
{
    /// <summary>The seed of the coins that <see cref="Binarization.Fixed"/> throws once for a set, and that evaluation throws for <see cref="Binarization.Dynamic"/>.</summary>
    public const long CoinSeed = 20170101;

    /// <summary>Bytes of pictures, as float32, that one batch can hold.</summary>
    public const long LargestBatch = int.MaxValue;

    private readonly MemorySource source;
    private readonly int[] members;   // indices in the source
    private readonly bool flip;
    private readonly byte[] rounded;  // of each byte the level that is nearest

    internal Split(string name, MemorySource source, int[] members, DataSettings settings)
    {
        (Name, this.source, this.members, flip, Binarize, Dequantize, Levels) = (name, source, members, settings.Flip, settings.Binarize, settings.Dequantize, settings.Levels);
        rounded = [.. Enumerable.Range(0, 256).Select(value => (byte)Math.Round(value * (Levels - 1) / 255.0))];
        if (members.Length == 0) throw new DataException($"The {name} part is empty; a set needs at least ten pictures, so that a tenth can be kept for validation.");
    }

    /// <summary>Files of pictures as a part of their own, in the order in which they are named, treated as the settings say.</summary>
    /// <param name="shape">That they must have.</param>
    /// <exception cref="DataException">One is no picture, or is of another shape.</exception>
    public static Split OfFiles(IReadOnlyList<string> paths, PictureShape shape, DataSettings settings)
    {
        var pixels = paths.SelectMany(path =>
        {
            var picture = PictureFile.Read(path);
            if (settings.Size is { } size) picture = Resize.ToSquare(picture, size);
            return picture.Shape == shape ? picture.Values : throw new DataException($"{path} is {picture.Shape}; the model needs {shape}.");
        }).ToArray();
        return new Split("files", new MemorySource("files", shape, pixels, labels: null), [.. Enumerable.Range(0, paths.Count)], settings);
    }

    public string Name { get; }
    public int Count => members.Length;
    public PictureShape Shape => source.Shape;

    /// <summary>Whether each picture has a class.</summary>
    public bool HasLabels => source.Labels is not null;

    public Binarization Binarize { get; }

    /// <summary>Whether a grey value is spread over its bin: (byte + u) / 256, anew every time an example is seen; evaluation draws u from <see cref="CoinSeed"/>.</summary>
    public bool Dequantize { get; }

    /// <summary>Grey values that there are, from black to white.</summary>
    public int Levels { get; }

    /// <summary>Where a picture of this part comes from, for messages and neighbour sheets.</summary>
    public string NameOf(int index) => source.NameOf(members[index]);

    /// <summary>How much of this split is nearly black or nearly white, over at most 1,000 pictures spread evenly over it; whatever the binarization.</summary>
    public Tones MeasureTones()
    {
        const int most = 1000;
        var pixels = new byte[Shape.Dims];
        long black = 0, white = 0;
        var count = Math.Min(Count, most);
        for (var i = 0; i < count; i++)
        {
            source.Read(members[(int)((long)i * Count / count)], pixels);
            foreach (var value in pixels)
                if (value <= Tones.Near) black++;
                else if (value >= 255 - Tones.Near) white++;
        }
        var all = (double)count * pixels.Length;
        return new Tones(black / all, white / all);
    }

    /// <summary>Batches for training: every example once an epoch, in an order, with flips and coins, that (seed, position) decide.</summary>
    public BatchAt Shuffled(long seed, PixelRange range)
    {
        var orders = new Orders(Count, seed);
        long flips = Seeds.At(seed, 0, "flips"), coins = Seeds.At(seed, 0, "coins");
        return (position, count) => Fill(count, range, i =>
        {
            var at = position + i;
            return new Example(orders.At(at), flip && (Chance.Of(flips, at) & 1) == 1, Binarize == Binarization.Dynamic || Dequantize ? Chance.Of(coins, at) : null);
        });
    }

    /// <summary>Examples start to start + count as they stand, for evaluation: no flips, and coins from one fixed seed.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many examples.</exception>
    public Batch InOrder(int start, int count, PixelRange range)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)start + count, Count);
        return Fill(count, range, i => new Example(start + i, false, null));
    }

    /// <param name="Member">Which example of this part.</param>
    /// <param name="Coins">The seed of its coins; null for those that belong to the example wherever it is seen.</param>
    private readonly record struct Example(int Member, bool Flip, ulong? Coins);

    private Batch Fill(int count, PixelRange range, Func<int, Example> example)
    {
        var dims = Shape.Dims;
        if ((Int128)count * dims * sizeof(float) > LargestBatch)
            throw new ArgumentException($"A batch of {count:N0} pictures of {Shape} takes {4e-9 * count * dims:N1} GB; one can hold {LargestBatch / 1e9:N1} GB. Take fewer.");
        var x = empty([count, Shape.Channels, Shape.Height, Shape.Width]);
        var values = MemoryMarshal.Cast<byte, float>(x.bytes);
        var labels = source.Labels is null ? null : new long[count];
        var pixels = new byte[dims];
        for (var i = 0; i < count; i++)
        {
            var (member, flipped, coins) = example(i);
            var index = members[member];
            if (labels is not null) labels[i] = source.Labels![index];
            if (source.Shape.IsPoint)
            {
                source.Point(index).CopyTo(values[(i * dims)..]);
                continue;
            }
            source.Read(index, pixels);
            if (flipped) MirrorRows(pixels, Shape.Width);
            var target = values.Slice(i * dims, dims);
            if (Dequantize) Spread(pixels, target, range, coins ?? Chance.Of(CoinSeed, index));
            else if (Binarize == Binarization.None) Scale(pixels, target, range);
            else Binary(pixels, target, range, coins ?? Chance.Of(CoinSeed, index));
        }
        return new Batch(x) { Labels = labels is null ? null : tensor(labels) };
    }

    private void Scale(Span<byte> pixels, Span<float> target, PixelRange range)
    {
        if (Levels < 256) for (var i = 0; i < pixels.Length; i++) pixels[i] = rounded[pixels[i]];
        var (scale, shift) = range switch { PixelRange.Unit => (1f / (Levels - 1), 0f), PixelRange.Symmetric => (2f / (Levels - 1), -1f), _ => (255f / (Levels - 1), 0f) };
        for (var i = 0; i < pixels.Length; i++) target[i] = pixels[i] * scale + shift;
    }

    // (byte + u) / 256 in the unit range; u has 16 bits.
    private static void Spread(ReadOnlySpan<byte> pixels, Span<float> target, PixelRange range, ulong noise)
    {
        var (scale, shift) = range switch { PixelRange.Unit => (1 / 256f, 0f), PixelRange.Symmetric => (2 / 256f, -1f), _ => (1f, 0f) };
        for (var i = 0; i < pixels.Length; i += 4)
        {
            var chance = Seeds.Mix(noise + (ulong)i);
            for (var j = i; j < Math.Min(i + 4, pixels.Length); j++, chance >>= 16) target[j] = (pixels[j] + (chance & 0xFFFF) / 65536f) * scale + shift;
        }
    }

    // 1 with probability byte / 255: of 255 equal chances, the first `byte`. Each 64-bit number of chance serves eight pixels.
    private void Binary(ReadOnlySpan<byte> pixels, Span<float> target, PixelRange range, ulong coins)
    {
        var (zero, one) = range switch { PixelRange.Unit => (0f, 1f), PixelRange.Symmetric => (-1f, 1f), _ => (0f, 255f) };
        if (Binarize == Binarization.Threshold)
        {
            for (var i = 0; i < pixels.Length; i++) target[i] = pixels[i] >= 128 ? one : zero;
            return;
        }
        for (var i = 0; i < pixels.Length; i += 4)
        {
            var chance = Seeds.Mix(coins + (ulong)i);                       // four 16-bit numbers: 255 does not divide 256, but 65,535 = 257 * 255
            for (var j = i; j < Math.Min(i + 4, pixels.Length); j++, chance >>= 16)
                target[j] = (chance & 0xFFFF) < pixels[j] * 257u ? one : zero;   // P = byte * 257 / 65,536, off by 1.5e-5 from byte / 255 at most
        }
    }

    private static void MirrorRows(Span<byte> pixels, int width)
    {
        for (var row = 0; row < pixels.Length; row += width) pixels.Slice(row, width).Reverse();
    }

    // The order of an epoch is made when it is first asked for; a batch may straddle two.
    private sealed class Orders(int count, long seed)
    {
        private readonly Dictionary<long, int[]> byEpoch = [];

        public int At(long position)
        {
            var (epoch, offset) = Math.DivRem(position, count);
            lock (byEpoch)
            {
                if (!byEpoch.TryGetValue(epoch, out var order))
                {
                    foreach (var old in byEpoch.Keys.Where(key => key != epoch - 1 && key != epoch + 1).ToList()) byEpoch.Remove(old);
                    byEpoch[epoch] = order = Chance.Permutation(count, Seeds.At(seed, epoch, "order"));
                }
                return order[offset];
            }
        }
    }
}
