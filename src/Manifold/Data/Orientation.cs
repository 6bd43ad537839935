using SkiaSharp;

namespace Manifold.Data;

/// <summary>How a picture is to be turned before it is shown: the eight values of EXIF's tag 0x0112. Each names where the first row and the first column of the file belong.</summary>
internal static class Orientation
{
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
