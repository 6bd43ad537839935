using SkiaSharp;

namespace Manifold.Data;

/// <summary>Decoded pixels: one plane of rows for each channel, 0..255.</summary>
public sealed record Pixels(PictureShape Shape, byte[] Values);

/// <summary>PNG, JPEG and WebP files as pixels. Grey stays one channel and colour three; palettes are looked up, 16 bits become 8, and what is transparent shows white.</summary>
public static class PictureFile
{
    private const long LargestPixels = 1 << 26;   // 8,192 squared; a header that claims more is refused before memory is taken

    public static bool IsPicture(string path) =>
        Path.GetExtension(path).ToLowerInvariant() is ".png" or ".jpg" or ".jpeg" or ".webp";

    /// <exception cref="DataException">It is no such picture, is cut short, or is too large.</exception>
    public static Pixels Decode(byte[] file, string name)
    {
        using var codec = SKCodec.Create(new MemoryStream(file), out _)
            ?? throw new DataException($"{name} is not a PNG, JPEG or WebP picture that can be read. Get it again, or leave such pictures out with --skip-bad.");
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if (width <= 0 || height <= 0 || (long)width * height > LargestPixels)
            throw new DataException($"{name} says that it is {width}x{height}; pictures here have at most {LargestPixels:N0} pixels.");

        var info = new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        var rgba = new byte[info.BytesSize];
        SKCodecResult result;
        unsafe
        {
            fixed (byte* target = rgba) result = codec.GetPixels(info, (nint)target);
        }
        if (result != SKCodecResult.Success) throw new DataException($"{name} is broken or cut short ({result}). Get it again, or leave such pictures out with --skip-bad.");

        var channels = IsGrey(file, codec) ? 1 : 3;
        var values = new byte[channels * width * height];
        for (var i = 0; i < width * height; i++)
            for (var c = 0; c < channels; c++)
            {
                int alpha = rgba[4 * i + 3], value = rgba[4 * i + c];
                values[c * width * height + i] = alpha == 255 ? (byte)value : (byte)((value * alpha + 255 * (255 - alpha) + 127) / 255);   // over white
            }
        return new Pixels(new PictureShape(channels, height, width), values);
    }

    // A PNG says so in its header (colour types 0 and 4); a JPEG or WebP by what its decoder would give.
    private static bool IsGrey(byte[] file, SKCodec codec) =>
        codec.EncodedFormat == SKEncodedImageFormat.Png ? file.Length > 25 && file[25] is 0 or 4 : codec.Info.ColorType == SKColorType.Gray8;
}
