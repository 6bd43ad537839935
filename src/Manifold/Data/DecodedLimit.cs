namespace Manifold.Data;

/// <summary>How much a set may hold once it is decoded. It is checked from declared sizes, before memory is taken.</summary>
internal static class DecodedLimit
{
    /// <summary>Bytes of all pictures of a set.</summary>
    public const long Bytes = 1L << 30;

    /// <summary>Bytes for each picture beside its pixels: its place in the order of its split and of an epoch, and its label.</summary>
    public const int BesidePixels = 16;

    /// <summary>Pixels of one picture, 8,192 squared.</summary>
    public const long LargestPixels = 1 << 26;

    /// <summary>The largest data.size.</summary>
    public const int LargestSize = 8_192;

    /// <summary>The shape that pictures have once they are resized.</summary>
    public static PictureShape Resized(PictureShape shape, int? size) =>
        size is { } side ? shape with { Height = side, Width = side } : shape;

    /// <summary>The shape of pictures whose file declares these sizes.</summary>
    /// <exception cref="DataException">One picture has too many pixels, or none.</exception>
    public static PictureShape Declared(string path, int channels, long height, long width)
    {
        if (height < 1 || width < 1 || height > LargestPixels || width > LargestPixels || height * width > LargestPixels)
            throw new DataException(
                $"{path} says that its pictures are {height}x{width}; pictures here have 1 to {LargestPixels:N0} pixels.");
        return new PictureShape(channels, (int)height, (int)width);
    }

    /// <summary>Refuses a set that would be too large.</summary>
    /// <param name="shape">Of the pictures once they are resized.</param>
    /// <param name="held">Bytes of another split of the set.</param>
    /// <exception cref="DataException">The message has the limit, the need and the largest round size that fits.</exception>
    public static void Check(string path, long count, PictureShape shape, long held = 0)
    {
        var one = (decimal)shape.Channels * shape.Height * shape.Width;
        var need = count * (one + BesidePixels) + held;
        if (need <= Bytes) return;
        var all = count + Math.Ceiling(held / one);
        var size = 1;
        bool Fits(int side) => all * ((decimal)shape.Channels * side * side + BesidePixels) <= Bytes;
        while (Fits(2 * size)) size *= 2;
        var fits = Fits(1);
        throw new DataException(
            $"{path} has {all:N0} pictures of {shape}, which take {need / (1 << 30):N1} GB decoded; the limit is {Bytes >> 30} GB. "
            + (fits ? $"Make them smaller: --set data.size={size}." : "Give fewer pictures."));
    }
}
