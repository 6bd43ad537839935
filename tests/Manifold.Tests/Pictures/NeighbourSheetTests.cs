using Manifold.Evaluation;
using Manifold.Pictures;
using static TorchSharp.torch;

namespace Manifold.Tests.Pictures;

public class NeighbourSheetTests
{
    // Two rows of one pixel a picture: white samples, black neighbours, a grey held-out one, twice; the ground is 128, like that of a grid.
    [Theory]
    [InlineData(1), InlineData(3)]
    public void A_row_has_two_halves_and_gaps_part_what_is_of_different_kinds(int channels)
    {
        using var scope = NewDisposeScope();
        var one = tensor(new[] { 1f, 0, 0, 0, 0, 0, 0.25f, 1, 0, 0, 0, 0, 0, 0.25f }).view(1, 14, 1, 1, 1).expand(2, 14, channels, 1, 1);
        var sheet = NeighbourSheet.Of(new NeighbourRows(one, 1));
        Assert.Equal(96 * (1 + 6 + 1) + 2, sheet.Height);                                  // two rows and six pixels between suspects and others, each 96 wide; a frame of one
        Assert.Equal(96 * (2 * (7 + 3 + 3 + 4) + 6) + 2, sheet.Width);
        var row = Enumerable.Range(0, sheet.Width / 96).Select(i => sheet.Pixels[((50 * sheet.Width) + 1 + i * 96 + 48) * channels]).ToArray();
        byte g = 128;
        byte[] half = [255, g, g, g, 0, g, 0, g, 0, g, 0, g, 0, g, g, g, 64];
        Assert.Equal([.. half, g, g, g, g, g, g, .. half], row);
        Assert.Equal(channels, sheet.Channels);
    }
}
