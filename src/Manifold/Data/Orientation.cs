using System.Buffers.Binary;
using SkiaSharp;

namespace Manifold.Data;

/// <summary>How a picture is to be turned before it is shown: the eight values of EXIF's tag 0x0112. Each names where the first row and the first column of the file belong.</summary>
internal static class Orientation
{
    private const int Tag = 0x0112, Short = 3, EntryBytes = 12;

    /// <summary>The orientation of a file. The decoder tells that of JPEG and WebP; a PNG's is in its chunk eXIf, which it does not read.</summary>
    public static SKEncodedOrigin Of(byte[] file, SKCodec codec) =>
        codec.EncodedFormat == SKEncodedImageFormat.Png && PngExif(file) is { Length: > 0 } exif ? OfExif(exif) : codec.EncodedOrigin;

    // A PNG is chunks after eight bytes: the length of the data, four letters, the data, a sum.
    private static ReadOnlySpan<byte> PngExif(ReadOnlySpan<byte> file)
    {
        for (var rest = file[Math.Min(8, file.Length)..]; rest.Length >= 12;)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(rest);
            if (length > rest.Length - 12) break;
            if (rest.Slice(4, 4).SequenceEqual("eXIf"u8)) return rest.Slice(8, (int)length);
            rest = rest[((int)length + 12)..];
        }
        return [];
    }

    // TIFF: II or MM for the order of bytes, 42, where the first list is; there a count, and entries of tag, type, count and value.
    // What is broken tells nothing: the picture stays as it is.
    private static SKEncodedOrigin OfExif(ReadOnlySpan<byte> exif)
    {
        if (exif.Length < 8) return SKEncodedOrigin.TopLeft;
        var isLittle = exif.StartsWith("II"u8);
        var list = isLittle ? BinaryPrimitives.ReadUInt32LittleEndian(exif[4..]) : BinaryPrimitives.ReadUInt32BigEndian(exif[4..]);
        if (list > exif.Length - 2) return SKEncodedOrigin.TopLeft;
        var count = Number(exif[(int)list..], isLittle);
        var entries = exif[((int)list + 2)..];
        for (var i = 0; i < count && entries.Length >= EntryBytes; i++, entries = entries[EntryBytes..])
            if (Number(entries, isLittle) == Tag && Number(entries[2..], isLittle) == Short && Number(entries[8..], isLittle) is >= 1 and <= 8 and var value)
                return (SKEncodedOrigin)value;
        return SKEncodedOrigin.TopLeft;
    }

    private static int Number(ReadOnlySpan<byte> bytes, bool isLittle) =>
        isLittle ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);

    /// <summary>Whether rows of the file are columns of the picture.</summary>
    public static bool IsTransposed(SKEncodedOrigin origin) =>
        origin is SKEncodedOrigin.LeftTop or SKEncodedOrigin.RightTop or SKEncodedOrigin.RightBottom or SKEncodedOrigin.LeftBottom;

    /// <summary>Copies one channel, turned.</summary>
    /// <param name="step">Bytes from one pixel to the next.</param>
    /// <param name="width">Of the file's picture.</param>
    /// <param name="target">One plane, width x height bytes.</param>
    public static unsafe void Turn(byte* source, int step, int width, int height, SKEncodedOrigin origin, Span<byte> target)
    {
        var (right, down, start) = Steps(width, height, origin);
        for (var y = 0; y < height; y++)
        {
            var at = start + y * down;
            for (var x = 0; x < width; x++, source += step, at += right) target[at] = *source;
        }
    }

    // Where the next pixel to the right, the next one down and the first one of the file go in the target.
    private static (int Right, int Down, int Start) Steps(int width, int height, SKEncodedOrigin origin) => origin switch
    {
        SKEncodedOrigin.TopRight => (-1, width, width - 1),                             // 2: mirrored
        SKEncodedOrigin.BottomRight => (-1, -width, width * height - 1),                // 3: half a turn
        SKEncodedOrigin.BottomLeft => (1, -width, width * (height - 1)),                // 4: upside down in a mirror
        SKEncodedOrigin.LeftTop => (height, 1, 0),                                      // 5: rows become columns
        SKEncodedOrigin.RightTop => (height, -1, height - 1),                           // 6: a quarter turn clockwise
        SKEncodedOrigin.RightBottom => (-height, -1, width * height - 1),               // 7: rows become columns, and half a turn
        SKEncodedOrigin.LeftBottom => (-height, 1, height * (width - 1)),               // 8: a quarter turn back
        _ => (1, width, 0),                                                             // 1: as it is
    };
}
