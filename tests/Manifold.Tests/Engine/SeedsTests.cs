using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Engine;

public class SeedsTests
{
    [Fact]
    public void A_seed_is_the_same_in_every_process()
    {
        // Worked out by a second implementation; SplitMix64's first number from state 0 is 0xE220A8397B1DCDAF, the inner mix here.
        Assert.Equal(9062021089575485285, Seeds.At(0, 0));
        Assert.Equal(-4522664555121841638, Seeds.At(1, 12800, "noise"));
        Assert.Equal(6838711000709490520, Seeds.At(-1, 5, "é"));
    }

    [Fact]
    public void Neighbours_in_every_argument_have_nothing_in_common()
    {
        // Flipping one bit of the input flips each bit of the output with probability 1/2: 32 of 64, standard deviation 4.
        var flips = new List<int>();
        for (var i = 0; i < 64; i++)
        {
            flips.Add(Flips(Seeds.At(7, 100), Seeds.At(7 ^ (1L << i), 100)));
            flips.Add(Flips(Seeds.At(7, 100), Seeds.At(7, 100 ^ (1L << i))));
        }
        Assert.InRange(flips.Average(), 31, 33);   // standard deviation of the mean 0.35
        Assert.All(flips, f => Assert.InRange(f, 12, 52));

        static int Flips(long a, long b) => System.Numerics.BitOperations.PopCount((ulong)(a ^ b));
    }

    [Fact]
    public void Streams_seeds_and_positions_do_not_collide()
    {
        var all = from seed in Enumerable.Range(0, 20)
                  from position in Enumerable.Range(0, 200)
                  from stream in new[] { "", "noise", "order" }
                  select Seeds.At(seed, position, stream);
        Assert.Equal(20 * 200 * 3, all.Distinct().Count());
    }

    [Fact]
    public void A_row_of_noise_depends_on_its_seed_only()
    {
        foreach (var shape in new long[][] { [3], [100], [2, 5, 5] })
        {
            var whole = Noise.Normal([5, 6, 7], shape);
            var parts = cat([Noise.Normal([7, 5], shape), Noise.Normal([6], shape)]);
            Assert.Equal(whole.bytes.ToArray(), parts.index_select(0, tensor(new long[] { 1, 2, 0 })).bytes.ToArray());
        }
    }

    [Fact]
    public void Noise_is_standard_normal_and_leaves_the_global_chance_alone()
    {
        manual_seed(3);
        var expected = rand(4).bytes.ToArray();

        manual_seed(3);
        var noise = Noise.Normal(Enumerable.Range(0, 1000).Select(i => Seeds.At(0, i)), 100);

        Assert.Equal(expected, rand(4).bytes.ToArray());
        Assert.Equal([1000, 100], noise.shape);
        Assert.InRange(noise.mean().ToDouble(), -0.0127, 0.0127);             // four standard deviations of 1/sqrt(100,000)
        Assert.InRange(noise.var().ToDouble(), 1 - 0.0179, 1 + 0.0179);       // likewise of sqrt(2/100,000)
        Assert.InRange(noise.mean([0]).square().mean().ToDouble(), 0.0004, 0.0016);   // no column repeats from row to row: 1/1000
    }

    [Fact]
    public void Noise_without_seeds_is_refused() =>
        Assert.StartsWith("There are no seeds", Assert.Throws<ArgumentException>(() => Noise.Normal([], 3)).Message);
}
