using System.Runtime.InteropServices;
using Manifold.Engine;
using SkiaSharp;

namespace Manifold.Data;

/// <summary>Decoded pixels: one plane of rows for each channel, 0..255.</summary>
public sealed record Pixels(PictureShape Shape, byte[] Values);

/// <summary>
/// PNG, JPEG, WebP, BMP and GIF files (of these the first frame) as pixels. Grey stays one channel and colour three; palettes
/// are looked up, 16 bits become 8, and what is transparent shows white.
/// A picture is turned as its EXIF orientation says.
/// </summary>
public static class PictureFile
{
    /// <summary>
    /// Bytes for each pixel while a picture is decoded: red, green, blue and alpha, one plane, and what the decoder holds
    /// itself.
    /// </summary>
    internal const int DecodingBytes = 11;

    public static bool IsPicture(string path) =>
        Path.GetExtension(path).ToLowerInvariant() is ".png" or ".jpg" or ".jpeg" or ".jpe" or ".jfif" or ".webp" or ".bmp" or ".gif";

    /// <summary>Reads and decodes a picture's file; a symbolic link is followed.</summary>
    /// <exception cref="DataException">There is none, it is no regular file (a pipe has no end), or it is no picture.</exception>
    public static Pixels Read(string path)
    {
        try
        {
            var file = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
            return Decode(RegularFile.ReadAll(file, PictureFiles.LargestFile), path);
        }
        catch (FileNotFoundException e)
        {
            throw new DataException($"There is no file {path}.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Decodes a picture.</summary>
    /// <exception cref="DataException">It is no such picture, is cut short, or is too large.</exception>
    public static Pixels Decode(byte[] file, string name)
    {
        using var codec = Open(file, name);
        var shape = ShapeOf(file, codec, name);
        var values = new byte[shape.Dims];
        Decode(codec, Orientation.Of(file, codec), shape, size: null, values, name);
        return new Pixels(shape, values);
    }

    /// <summary>The shape that a picture will have, by its header alone.</summary>
    /// <exception cref="DataException">It is no such picture, or is too large.</exception>
    internal static PictureShape Shape(byte[] file, string name)
    {
        using var codec = Open(file, name);
        return ShapeOf(file, codec, name);
    }

    /// <summary>Decodes and resizes a picture into memory that is there.</summary>
    /// <param name="shape">As <see cref="Shape"/> told it.</param>
    /// <param name="target">The planes of one channel or three; a grey picture's plane is repeated to fill three.</param>
    /// <param name="scale">By which values are multiplied before they are resized.</param>
    /// <returns>The largest value in the file.</returns>
    /// <exception cref="DataException">It is cut short.</exception>
    internal static byte Decode(byte[] file, string name, PictureShape shape, int? size, Span<byte> target, byte scale = 1)
    {
        using var codec = Open(file, name);
        if (ShapeOf(file, codec, name) != shape) throw new DataException($"{name} changed while it was read. Open it again.");
        return Decode(codec, Orientation.Of(file, codec), shape, size, target, name, scale);
    }

    private static SKCodec Open(byte[] file, string name) =>
        SKCodec.Create(new MemoryStream(file), out _)
        ?? throw new DataException($"{name} is not a PNG, JPEG, WebP, BMP or GIF picture that can be read. Get it again.");

    private static PictureShape ShapeOf(byte[] file, SKCodec codec, string name)
    {
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if (width <= 0 || height <= 0 || (long)width * height > DecodedLimit.LargestPixels)
            throw new DataException(
                $"{name} says that it is {width}x{height}; pictures here have at most {DecodedLimit.LargestPixels:N0} pixels.");
        var shape = new PictureShape(Channels(file, codec), height, width);
        return Orientation.IsTransposed(Orientation.Of(file, codec)) ? shape with { Height = width, Width = height } : shape;
    }

    // Native memory is given back at once; garbage of this size would wait for the collector.
    private static unsafe byte Decode(
        SKCodec codec, SKEncodedOrigin origin, PictureShape shape, int? size, Span<byte> target, string name, byte scale = 1)
    {
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        var area = width * height;
        var info = new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        var weights = size is { } side && (side, side) != (shape.Height, shape.Width)
            ? Resize.Weights(Math.Min(shape.Height, shape.Width), side) : null;
        var planeBytes = weights is null ? area : weights.Length * weights.Length;
        var rgba = NativeMemory.AllocZeroed((nuint)info.BytesSize64);
        var turned = weights is null ? null : NativeMemory.Alloc((nuint)area);
        try
        {
            if (codec.GetPixels(info, (nint)rgba) is var result and not SKCodecResult.Success)
                throw new DataException($"{name} is broken or cut short ({result}). Get it again.");
            byte largest = 0;
            for (var c = 0; c < shape.Channels; c++)
            {
                var plane = target.Slice(c * planeBytes, planeBytes);
                OverWhite(rgba, area, c);
                var whole = weights is null ? plane : new Span<byte>(turned, area);
                Orientation.Turn((byte*)rgba + c, step: 4, width, height, origin, whole);
                foreach (var value in whole) largest = Math.Max(largest, value);
                if (scale > 1) foreach (ref var value in whole) value *= scale;
                if (weights is not null) Resize.Plane(whole, shape.Height, shape.Width, weights, plane);
            }
            for (var filled = shape.Channels * planeBytes; filled < target.Length; filled += planeBytes)
                target[..planeBytes].CopyTo(target[filled..]);
            return largest;
        }
        finally
        {
            NativeMemory.Free(rgba);
            NativeMemory.Free(turned);
        }
    }

    // One channel in its place.
    private static unsafe void OverWhite(void* rgba, int area, int channel)
    {
        var pixel = (byte*)rgba;
        for (var i = 0; i < area; i++, pixel += 4)
        {
            int alpha = pixel[3], value = pixel[channel];
            if (alpha != 255) pixel[channel] = (byte)((value * alpha + 255 * (255 - alpha) + 127) / 255);
        }
    }

    // A PNG says so in its header (colour types 0 and 4); a JPEG or WebP by what its decoder would give.
    private static int Channels(byte[] file, SKCodec codec)
    {
        var isGrey = codec.EncodedFormat == SKEncodedImageFormat.Png
            ? file.Length > 25 && file[25] is 0 or 4 : codec.Info.ColorType == SKColorType.Gray8;
        return isGrey ? 1 : 3;
    }
}
