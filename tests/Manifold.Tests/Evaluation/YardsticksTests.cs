using Manifold.Data;
using Manifold.Evaluation;

namespace Manifold.Tests.Evaluation;

/// <summary>What pictures take without a model, counted by hand.</summary>
public class YardsticksTests
{
    [Fact]
    public void The_marginal_of_two_places_by_hand()
    {
        // Of two levels: the first place white in 3 of 4 training pictures, the second never. With one more of each value: 4/6, 2/6 and 1/6, 5/6.
        var source = new MemorySource("made", new PictureShape(1, 1, 2), [255, 0, 255, 0, 255, 0, 0, 0, /* test */ 255, 0, 0, 255], null);
        var settings = new DataSettings { Levels = 2 };
        Split train = new("train", source, [0, 1, 2, 3], settings), test = new("test", source, [4, 5], settings);
        var expected = -(Math.Log2(4 / 6.0) + Math.Log2(5 / 6.0) + Math.Log2(2 / 6.0) + Math.Log2(1 / 6.0)) / 4;
        Assert.Equal(expected, Yardsticks.Marginal(train, test, 2), precision: 10);
        Assert.Equal(8, Yardsticks.Uniform(256));
    }

    // Noise has no marginal to learn: eight bits and a little, for what counting costs.
    [Fact]
    public void Noise_takes_its_eight_bits()
    {
        var pixels = new byte[40_000 * 4];
        new Random(1).NextBytes(pixels);
        var source = new MemorySource("noise", new PictureShape(1, 2, 2), pixels, null);
        Split train = new("train", source, [.. Enumerable.Range(0, 30_000)], new()), test = new("test", source, [.. Enumerable.Range(30_000, 10_000)], new());
        Assert.InRange(Yardsticks.Marginal(train, test, 256), 8, 8.02);
    }
}
