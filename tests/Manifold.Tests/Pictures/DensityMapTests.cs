using Manifold.Pictures;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Pictures;

public class DensityMapTests
{
    private static int Grey(Picture picture, int row, int column) => Enumerable.Range(0, 3).Sum(c => picture.Pixels[(row * picture.Width + column) * 3 + c]);

    // Panels of 5 x 6 with 4 of ground between and around: the second begins 14 from the left.
    [Fact]
    public void Panels_stand_side_by_side_and_darken_by_the_logarithm()
    {
        using var scope = NewDisposeScope();
        var first = zeros(5, 6, ScalarType.Float64);
        foreach (var (column, value) in new[] { 2, 0.2, 0.02, 0.002, 0.0002, 20 }.Index()) first[0, column] = value;
        var second = zeros(5, 6, ScalarType.Float64);
        second[4, 5] = 2;
        var picture = DensityMap.Of([first, second, first], peak: 2);

        Assert.Equal((5 + 8, 3 * 6 + 4 * 4, 3), (picture.Height, picture.Width, picture.Channels));
        var greys = Enumerable.Range(0, 6).Select(column => Grey(picture, 4, 4 + column)).ToList();
        Assert.Equal(greys.Order(), [greys[0], greys[5], greys[1], greys[2], greys[3], greys[4]]);   // darkest at the peak and above
        Assert.Equal(greys[0], greys[5]);
        Assert.Equal((765, 765), (greys[3], greys[4]));                                      // white at a thousandth of it and below
        Assert.True(greys[2] < 700 && greys[1] < greys[2] - 100 && greys[0] < greys[1] - 100);   // a decade is seen wherever it is
        Assert.Equal(greys[0], Grey(picture, 4 + 4, 14 + 5));                                // bottom right of the second panel
        Assert.Equal(765, Grey(picture, 4, 14));
        Assert.Equal(greys[1], Grey(picture, 4, 24 + 1));                                    // the third is the first again
        Assert.Equal(384, Grey(picture, 0, 0));                                              // the ground
    }

    [Fact]
    public void The_fifth_panel_begins_a_row()
    {
        using var scope = NewDisposeScope();
        var picture = DensityMap.Of([.. Enumerable.Range(0, 5).Select(i => full([2, 3], i == 4 ? 1.0 : 0))], peak: 1);
        Assert.Equal((2 * (2 + 4) + 4, 4 * (3 + 4) + 4), (picture.Height, picture.Width));
        Assert.True(Grey(picture, 4 + 2 + 4, 4) < 100);
    }

    [Fact]
    public void A_peak_of_nothing_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => DensityMap.Of([zeros(2, 2)], peak: 0));
}
