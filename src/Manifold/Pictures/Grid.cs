using System.Runtime.InteropServices;
using Manifold.Engine;
using SkiaSharp;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Pictures;

/// <summary>An 8-bit picture: rows of pixels, the channels of a pixel side by side.</summary>
/// <param name="Channels">1 grey or 3 colour.</param>
/// <param name="Pixels">Height x Width x Channels bytes.</param>
public sealed record Picture(int Height, int Width, int Channels, byte[] Pixels)
{
    /// <summary>The picture as a PNG file's bytes; grey stays one channel.</summary>
    public byte[] ToPng()
    {
        using var image = new SKBitmap(new SKImageInfo(Width, Height, Channels == 1 ? SKColorType.Gray8 : SKColorType.Rgba8888, SKAlphaType.Opaque));
        var target = MemoryMarshal.CreateSpan(ref MemoryMarshal.GetReference(image.GetPixelSpan()), image.ByteCount);
        var perPixel = Channels == 1 ? 1 : 4;
        for (var y = 0; y < Height; y++)
        {
            var row = target[(y * image.RowBytes)..];
            for (var x = 0; x < Width; x++)
                for (var c = 0; c < perPixel; c++)
                    row[x * perPixel + c] = c == 3 ? (byte)255 : Pixels[(y * Width + x) * Channels + c];
        }
        using var data = image.Encode(SKEncodedImageFormat.Png, quality: 100);
        return data.ToArray();
    }
}

/// <summary>Many pictures laid out as one.</summary>
public static class Grid
{
    /// <summary>Lays pictures out row by row on a mid-grey ground.</summary>
    /// <param name="pictures">[N, C, H, W] with C = 1 or 3, values in [0, 1]; what lies outside is clipped.</param>
    /// <param name="columns">Pictures in a row.</param>
    /// <param name="gap">Pixels of ground between pictures.</param>
    /// <param name="scale">Each pixel becomes scale x scale pixels; null chooses so that a small picture is seen without a glass.</param>
    /// <exception cref="ArgumentException">The tensor is not of that shape; the message gives both.</exception>
    public static Picture Of(Tensor pictures, int columns, int gap = 1, int? scale = null)
    {
        if (pictures.dim() != 4 || pictures.shape[1] is not (1 or 3) || pictures.shape[0] == 0)
            throw new ArgumentException($"pictures has shape [{string.Join(", ", pictures.shape)}]; expected [N, 1 or 3, H, W] with at least one picture.", nameof(pictures));
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);

        using var scope = NewDisposeScope();
        int n = (int)pictures.shape[0], channels = (int)pictures.shape[1];
        var size = scale ?? (int)Math.Max(1, 56 / Math.Max(pictures.shape[2], pictures.shape[3]));
        var bytes = (pictures.detach().cpu().to_type(ScalarType.Float32).clamp(0, 1) * 255).round().to_type(ScalarType.Byte)
            .repeat_interleave(size, 2).repeat_interleave(size, 3).permute(0, 2, 3, 1).contiguous();   // [N, H, W, C]
        int height = (int)bytes.shape[1], width = (int)bytes.shape[2], rows = (n + columns - 1) / columns;
        columns = Math.Min(columns, n);

        var sheet = new byte[(rows * (height + gap) + gap) * (columns * (width + gap) + gap) * channels];
        var stride = (columns * (width + gap) + gap) * channels;
        Array.Fill(sheet, (byte)128);
        var source = bytes.bytes;
        for (var i = 0; i < n; i++)
            for (var y = 0; y < height; y++)
            {
                var to = (i / columns * (height + gap) + gap + y) * stride + (i % columns * (width + gap) + gap) * channels;
                source.Slice((i * height + y) * width * channels, width * channels).CopyTo(sheet.AsSpan(to));
            }
        return new Picture(rows * (height + gap) + gap, columns * (width + gap) + gap, channels, sheet);
    }
}
