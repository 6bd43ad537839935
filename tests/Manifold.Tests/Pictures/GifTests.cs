using Manifold.Pictures;
using SkiaSharp;

namespace Manifold.Tests.Pictures;

/// <summary>What is written is read by another implementation, frame by frame.</summary>
public class GifTests
{
    private static List<byte[]> Read(byte[] gif, int channels)
    {
        using var data = SKData.CreateCopy(gif);
        using var codec = SKCodec.Create(data);
        Assert.Equal(SKEncodedImageFormat.Gif, codec.EncodedFormat);
        var frames = new List<byte[]>();
        var info = new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        for (var frame = 0; frame < codec.FrameCount; frame++)
        {
            using var bitmap = new SKBitmap(info);
            Assert.Equal(SKCodecResult.Success, codec.GetPixels(info, bitmap.GetPixels(), new SKCodecOptions(frame)));
            frames.Add([.. bitmap.Bytes.Where((_, i) => i % 4 < channels)]);
        }
        return frames;
    }

    private static Picture Noise(int height, int width, int channels, int seed)
    {
        var pixels = new byte[height * width * channels];
        new Random(seed).NextBytes(pixels);
        return new Picture(height, width, channels, pixels);
    }

    // Noise fills the table of codes several times over, so every width of code and the clearing are seen; one pixel sees none of them.
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 5)]
    [InlineData(150, 201)]
    public void Grey_frames_come_back_exactly(int height, int width)
    {
        var frames = Enumerable.Range(0, 3).Select(seed => Noise(height, width, 1, seed)).ToList();
        var back = Read(Gif.Of(frames), channels: 1);
        Assert.Equal(3, back.Count);
        for (var i = 0; i < 3; i++) Assert.Equal(frames[i].Pixels, back[i]);
    }

    [Fact]
    public void A_flat_frame_comes_back_exactly()
    {
        var flat = new Picture(300, 300, 1, [.. Enumerable.Repeat((byte)77, 90_000)]);
        Assert.Equal(flat.Pixels, Read(Gif.Of([flat]), 1)[0]);
    }

    [Fact]
    public void Few_colours_come_back_to_within_the_palettes_grain()
    {
        byte[][] colours = [[248, 0, 0], [0, 248, 0], [0, 0, 248], [248, 248, 248], [0, 0, 0]];
        var picture = new Picture(10, 10, 3, [.. Enumerable.Range(0, 100).SelectMany(i => colours[i % 5])]);
        foreach (var (a, b) in picture.Pixels.Zip(Read(Gif.Of([picture]), 3)[0])) Assert.InRange(Math.Abs(a - b), 0, 8);
    }

    // A slow colour gradient has more colours than the palette; spread errors keep the mean of every patch, which the nearest colour alone would not.
    [Fact]
    public void A_gradient_stays_one_on_average()
    {
        const int size = 128;
        var pixels = new byte[size * size * 3];
        for (var y = 0; y < size; y++)
            for (var x = 0; x < size; x++)
                (pixels[(y * size + x) * 3], pixels[(y * size + x) * 3 + 1], pixels[(y * size + x) * 3 + 2]) = ((byte)(2 * x), (byte)(2 * y), (byte)(x + y));
        var back = Read(Gif.Of([new Picture(size, size, 3, pixels)]), 3)[0];
        var errors = new List<double>();
        for (var y = 8; y < size - 16; y += 8)
            for (var x = 8; x < size - 16; x += 8)
                for (var c = 0; c < 3; c++)
                {
                    double Mean(byte[] of) => Enumerable.Range(0, 64).Average(i => (double)of[((y + i / 8) * size + x + i % 8) * 3 + c]);
                    errors.Add(Math.Abs(Mean(pixels) - Mean(back)));
                }
        Assert.InRange(errors.Max(), 0, 2);
        Assert.InRange(errors.Average(), 0, 0.5);                          // 0.29; the nearest colours alone leave 0.91
    }

    [Fact]
    public void It_goes_round_for_ever_at_the_speed_asked_for()
    {
        using var data = SKData.CreateCopy(Gif.Of([Noise(4, 4, 1, 0), Noise(4, 4, 1, 1)], centiseconds: 12));
        using var codec = SKCodec.Create(data);
        Assert.Equal(-1, codec.RepetitionCount);
        Assert.Equal([120, 120], codec.FrameInfo.Select(frame => frame.Duration));
    }

    [Fact]
    public void Frames_of_two_sizes_are_refused() =>
        Assert.StartsWith("frames has pictures of 1x4x4 and of 1x4x5", Assert.Throws<ArgumentException>(() => Gif.Of([Noise(4, 4, 1, 0), Noise(4, 5, 1, 0)])).Message);
}
