using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Layers;

/// <summary>Dropout leaves as many numbers as it says, in no pattern, and leaves their mean alone.</summary>
public class FastDropoutTests
{
    [Theory]
    [InlineData(0.5), InlineData(0.1), InlineData(0.9)]
    public void As_many_are_zero_as_the_probability_says_and_the_mean_stays(double probability)
    {
        manual_seed(1);
        const double n = 400_000;
        var y = FastDropout.Of(ones(4, 10, 100, 100), probability, isTraining: true);
        Assert.InRange((1 - y.count_nonzero().item<long>() / n - probability) / Math.Sqrt(probability * (1 - probability) / n), -4, 4);   // four deviations
        Assert.Equal(1 / (1 - probability), y.max().item<float>(), tolerance: 1e-3);
        // Neighbours have nothing to do with one another, at any of these distances.
        var z = (y.flatten() - y.mean()) / y.std();
        foreach (var distance in new[] { 1, 2, 3, 4, 100, 10_000, 65_536, 100_000 })
            Assert.InRange((z[..^distance] * z[distance..]).mean().item<float>() * Math.Sqrt(n - distance), -4.5, 4.5);
    }

    [Fact]
    public void A_seed_decides_it_and_evaluation_is_left_alone()
    {
        var x = randn(2, 6, 5, 3);
        Tensor Drawn(long seed)
        {
            manual_seed(seed);
            return FastDropout.Of(x, 0.5, isTraining: true);
        }
        Assert.True(Drawn(1).equal(Drawn(1)).all().item<bool>());
        Assert.False(Drawn(1).equal(Drawn(2)).all().item<bool>());
        Assert.Same(x, FastDropout.Of(x, 0.5, isTraining: false));
        var last = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        Assert.Equal(last.stride(), FastDropout.Of(last, 0.5, isTraining: true).stride());
    }

    [Fact]
    public void What_is_dropped_has_no_gradient()
    {
        manual_seed(2);
        var x = randn(1, 3, 4, 5).requires_grad_(true);
        var y = FastDropout.Of(x, 0.5, isTraining: true);
        y.sum().backward();
        Assert.True((x.grad! * x - y).abs().max().item<float>() < 1e-6);
    }
}
