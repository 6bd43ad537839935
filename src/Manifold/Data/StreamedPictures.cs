using Manifold.Engine;

namespace Manifold.Data;

/// <summary>Pictures of one shape that come one after another from a file. They are resized as they come, so that a set is held once.</summary>
internal static class StreamedPictures
{
    private const int BlockBytes = 32 << 20, BlockCount = 4_096;     // read before they are resized together

    /// <summary>Reads and resizes pictures.</summary>
    /// <param name="shape">As they are in the file.</param>
    /// <param name="next">Fills its argument with the next picture, channel by channel, row by row.</param>
    /// <returns>The pictures, and the largest byte that was read.</returns>
    public static (byte[] Pixels, byte Largest) Read(int count, PictureShape shape, int? size, StreamedPicture next)
    {
        var target = DecodedLimit.Resized(shape, size);
        var pixels = new byte[(long)count * target.Dims];
        byte largest = 0;
        if (target == shape)
        {
            for (var i = 0; i < count; i++) largest = Math.Max(largest, Next(next, pixels.AsSpan(i * target.Dims, target.Dims)));
            return (pixels, largest);
        }

        var block = new byte[Math.Clamp(BlockBytes / shape.Dims, 1, Math.Clamp(count, 1, BlockCount))][];
        for (var i = 0; i < block.Length; i++) block[i] = new byte[shape.Dims];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Machine.DecodingThreads };
        for (var at = 0; at < count; at += block.Length)
        {
            var (start, read) = (at, Math.Min(block.Length, count - at));
            for (var i = 0; i < read; i++) largest = Math.Max(largest, Next(next, block[i]));
            Parallel.For(0, read, parallel, i => Resize.ToSquare(block[i], shape, size!.Value, pixels.AsSpan((start + i) * target.Dims, target.Dims)));
        }
        return (pixels, largest);
    }

    private static byte Next(StreamedPicture next, Span<byte> picture)
    {
        next(picture);
        byte largest = 0;
        foreach (var value in picture) largest = Math.Max(largest, value);
        return largest;
    }
}

/// <summary>Fills a span with the next picture of a stream.</summary>
internal delegate void StreamedPicture(Span<byte> picture);
