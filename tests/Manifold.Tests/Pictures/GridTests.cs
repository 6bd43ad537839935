using Manifold.Pictures;
using SkiaSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Pictures;

public class GridTests
{
    // Three pictures of 1 x 2 pixels in two columns: what lies outside [0, 1] is clipped, the ground is mid-grey, the last place empty.
    [Fact]
    public void Pictures_stand_row_by_row_on_a_grey_ground()
    {
        var grid = Grid.Of(tensor(new[] { 0f, 1, 0.5f, 2, -1, 0.25f }).view(3, 1, 1, 2), columns: 2, gap: 1, scale: 1);
        Assert.Equal((5, 7, 1), (grid.Height, grid.Width, grid.Channels));
        byte g = 128;
        Assert.Equal([g, g, g, g, g, g, g, g, 0, 255, g, 128, 255, g, g, g, g, g, g, g, g, g, 0, 64, g, g, g, g, g, g, g, g, g, g, g], grid.Pixels);
    }

    [Theory]
    [InlineData(1), InlineData(3)]
    public void A_png_holds_the_pixels(int channels)
    {
        manual_seed(4);
        var picture = Grid.Of(rand(4, channels, 5, 6), columns: 2, scale: 2);
        using var decoded = SKBitmap.Decode(picture.ToPng());
        Assert.Equal((picture.Width, picture.Height), (decoded.Width, decoded.Height));
        for (var y = 0; y < picture.Height; y++)
            for (var x = 0; x < picture.Width; x++)
            {
                var pixel = decoded.GetPixel(x, y);
                var at = (y * picture.Width + x) * channels;
                Assert.Equal((picture.Pixels[at], picture.Pixels[at + channels / 2], picture.Pixels[at + channels - 1]), (pixel.Red, pixel.Green, pixel.Blue));
            }
    }

    [Fact]
    public void What_is_no_batch_of_pictures_is_refused_with_its_shape()
    {
        Assert.Contains("[2, 3, 4]", Assert.Throws<ArgumentException>(() => Grid.Of(zeros(2, 3, 4), 1)).Message);
        Assert.Throws<ArgumentException>(() => Grid.Of(zeros(1, 2, 4, 4), 1));
        Assert.Throws<ArgumentException>(() => Grid.Of(zeros(0, 1, 4, 4), 1));
    }
}
