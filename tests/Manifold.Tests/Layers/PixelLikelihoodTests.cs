using Manifold.Data;
using Manifold.Distributions;
using Manifold.Engine;
using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Layers;

public class PixelLikelihoodTests
{
    public static TheoryData<Likelihood, Spread, int> All
    {
        get
        {
            var all = new TheoryData<Likelihood, Spread, int>();
            foreach (var channels in new[] { 1, 3 })
            {
                foreach (var kind in Enum.GetValues<Likelihood>()) all.Add(kind, Spread.Learned, channels);
                foreach (var kind in new[] { Likelihood.Gaussian, Likelihood.DiscretizedLogistic })
                    foreach (var spread in new[] { Spread.Fixed, Spread.EachPixel }) all.Add(kind, spread, channels);
            }
            return all;
        }
    }

    private static (PixelLikelihood Law, Tensor X, Tensor Outputs) Make(Likelihood kind, Spread spread, int channels, int count = 3)
    {
        manual_seed(3);
        var law = PixelLikelihood.Create(new PictureShape(channels, 2, 3), new LikelihoodSettings { Kind = kind, Spread = spread, Components = 4 });
        var x = kind == Likelihood.Bernoulli ? rand(count, channels, 2, 3).round() : randint(0, 256, [count, channels, 2, 3]).to_type(ScalarType.Float32) / 255;
        return (law, x, randn(count, law.Outputs, 2, 3));
    }

    // K tries at one picture are what K single ones are, and an example's number is its own.
    [Theory]
    [MemberData(nameof(All))]
    public void One_number_for_each_example_and_try(Likelihood kind, Spread spread, int channels)
    {
        var (law, x, outputs) = Make(kind, spread, channels);
        var tries = stack([outputs, outputs * 0.5], 0);                                                    // [2, B, P, H, W]
        var together = law.LogProb(x, tries);
        Assert.Equal([2, 3], together.shape);
        Assert.True((together[0] - law.LogProb(x, outputs)).abs().max().item<float>() < 1e-3);
        Assert.True((together[1] - law.LogProb(x, outputs * 0.5)).abs().max().item<float>() < 1e-3);
        Assert.True((together[0, 1] - law.LogProb(x[1..2], outputs[1..2])[0]).abs().item<float>() < 1e-3);
    }

    // Whatever a network says, within reason or not, has a finite likelihood and the gradient that double precision gives; black and white included.
    [Theory]
    [MemberData(nameof(All))]
    public void Slopes_are_right_whatever_the_network_says(Likelihood kind, Spread spread, int channels)
    {
        var (law, x, outputs) = Make(kind, spread, channels);
        x[0].fill_(0);
        x[1].fill_(1);
        foreach (var scale in new[] { 1f, 10, 60, 200 })
        {
            var (single, exact) = (Slopes(ScalarType.Float32), Slopes(ScalarType.Float64));
            Assert.True(single.isfinite().all().item<bool>(), $"not finite at outputs times {scale}");
            var size = kind == Likelihood.Gaussian ? exact.abs().max() : exact.abs();                      // 1 - sigmoid has few digits where a mean is nearly white
            var near = (single - exact).abs() <= 1e-3 * (1 + size);
            Assert.True(near.to_type(ScalarType.Float32).mean().item<float>() > 0.999, $"off at outputs times {scale}");

            Tensor Slopes(ScalarType type)
            {
                law.to(type).zero_grad();
                var y = (outputs * scale).to_type(type).requires_grad_();
                law.LogProb(x.to_type(type), y).sum().backward();
                return cat([y.grad!.flatten(), .. law.parameters().Select(p => p.grad!.flatten())]).to_type(ScalarType.Float64);
            }
        }
    }

    // On pictures that a decoder fits exactly a learned width shrinks without end; from the floor on it has nothing to gain.
    [Theory]
    [InlineData(Likelihood.Gaussian)]
    [InlineData(Likelihood.DiscretizedLogistic)]
    public void A_learned_width_has_a_floor(Likelihood kind)
    {
        var law = PixelLikelihood.Create(new PictureShape(1, 1, 1), new LikelihoodSettings { Kind = kind });
        using (no_grad()) law.parameters().Single().fill_(-100);
        var x = full([2, 1, 1, 1], 0.5f);
        var outputs = zeros(2, 1, 1, 1, requires_grad: true);                                              // a mean of 0.5, and half a level off it below
        var log = law.LogProb(x + tensor(new[] { 0, 0.002f }).view(2, 1, 1, 1), outputs);
        log.sum().backward();
        Assert.True(log.isfinite().all().item<bool>() && log.abs().max().item<float>() < 10);
        Assert.True(outputs.grad!.isfinite().all().item<bool>());
        Assert.Equal(0, law.parameters().Single().grad!.item<float>());
    }

    [Theory]
    [InlineData(1e-9)]
    [InlineData(1e9)]
    [InlineData(double.NaN)]
    public void A_deviation_that_no_pixel_can_have_is_refused(double sigma) =>
        Assert.Contains("model.likelihood.sigma", Assert.Throws<ArgumentOutOfRangeException>(() => new LikelihoodSettings { Sigma = sigma }.Validated("model.likelihood")).Message);

    // Draws of one pixel have the mean that Mean gives; narrow and away from the edges, where they would be clipped.
    [Theory]
    [MemberData(nameof(All))]
    public void Draws_and_mean_agree(Likelihood kind, Spread spread, int channels)
    {
        const int n = 20_000;
        var (law, _, outputs) = Make(kind, spread, channels, count: 1);
        using var _ = no_grad();
        var scaled = outputs * 0.3;
        if (kind == Likelihood.LogisticMixture) scaled[.., (4 + 4 * channels)..(4 + 8 * channels)] -= 3.5;
        if (spread == Spread.EachPixel) scaled[.., channels..] -= 1;
        var u = Noise.Uniform(Enumerable.Range(0, n).Select(i => (long)i), law.Uniforms, 2, 3);
        var draws = law.Draw(scaled.expand(n, -1, -1, -1), u);
        Assert.Equal([n, channels, 2, 3], draws.shape);
        Assert.True(draws.min().item<float>() >= 0 && draws.max().item<float>() <= 1);
        Assert.InRange((draws.mean([0]) - law.Mean(scaled)[0]).abs().max().item<float>(), 0, 4 * 0.5 / Math.Sqrt(n));                                                                         // no law on [0, 1] has a larger deviation than a coin's 0.5
        if (kind is not (Likelihood.Gaussian or Likelihood.Bernoulli)) Assert.True((draws * 255 - (draws * 255).round()).abs().max().item<float>() < 1e-4);   // a byte's values
    }

    // Over 256 values of one pixel, the others being what they are, the probabilities sum to one.
    [Theory]
    [InlineData(Likelihood.DiscretizedLogistic, Spread.Fixed)]
    [InlineData(Likelihood.DiscretizedLogistic, Spread.EachPixel)]
    [InlineData(Likelihood.LogisticMixture, Spread.Learned)]
    [InlineData(Likelihood.Categorical, Spread.Learned)]
    public void Probabilities_of_a_byte_sum_to_one(Likelihood kind, Spread spread)
    {
        manual_seed(5);
        var law = PixelLikelihood.Create(new PictureShape(1, 1, 1), new LikelihoodSettings { Kind = kind, Spread = spread }).to(ScalarType.Float64);
        var x = arange(256, dtype: ScalarType.Float64).view(256, 1, 1, 1) / 255;
        var total = law.LogProb(x, randn(1, law.Outputs, 1, 1, ScalarType.Float64).expand(256, -1, -1, -1)).exp().sum().item<double>();
        Assert.Equal(1, total, precision: 10);
    }

    // By hand: mean 0.5 (logit 0), deviation 0.1, x = 0.6: -(1 + ln 0.01 + ln 2 pi) / 2.
    [Theory]
    [InlineData(Spread.Fixed)]
    [InlineData(Spread.Learned)]
    [InlineData(Spread.EachPixel)]                                                                          // outputs of 0 mean the settings' width
    public void A_gaussian_pixel_by_hand(Spread spread)
    {
        var law = PixelLikelihood.Create(new PictureShape(1, 1, 1), new LikelihoodSettings { Kind = Likelihood.Gaussian, Spread = spread, Sigma = 0.1 });
        var log = law.LogProb(full([1, 1, 1, 1], 0.6f), zeros(1, law.Outputs, 1, 1)).item<float>();
        Assert.Equal(-0.5 * (1 + Math.Log(0.01) + Math.Log(2 * Math.PI)), log, 1e-5);
        Assert.Equal(spread == Spread.Learned ? ["log_sigma"] : Array.Empty<string>(), law.state_dict().Keys);
    }

    // A pixel that never changes must not take the density to infinity.
    [Fact]
    public void The_width_of_a_pixel_has_a_floor()
    {
        var law = PixelLikelihood.Create(new PictureShape(1, 1, 1), new LikelihoodSettings { Kind = Likelihood.Gaussian, Spread = Spread.EachPixel });
        var outputs = tensor(new[] { -200f, -50f }).view(1, 2, 1, 1);                                        // mean 0, width e^-50
        Assert.InRange(law.LogProb(zeros(1, 1, 1, 1), outputs).item<float>(), 5, 5.5);                      // ln(255 / 0.5) - ln(2 pi) / 2 = 5.31
    }

    // The learned width is a logistic's deviation: s pi / sqrt 3 on [-1, 1] is twice sigma on [0, 1].
    [Fact]
    public void A_discretized_logistic_starts_with_the_deviation_of_its_settings()
    {
        var law = PixelLikelihood.Create(new PictureShape(1, 1, 1), new LikelihoodSettings { Kind = Likelihood.DiscretizedLogistic, Spread = Spread.Fixed, Sigma = 0.05 }).to(ScalarType.Float64);
        var x = arange(256, dtype: ScalarType.Float64).view(256, 1, 1, 1) / 255;
        var p = law.LogProb(x, zeros(256, 1, 1, 1, ScalarType.Float64)).exp();
        Assert.Equal(0.05, ((x.flatten() - 0.5).square() * p).sum().sqrt().item<double>(), 0.001);
    }

    // An untrained mixture is near the uniform law, 8 bits; and as its channels start alike, grey in three channels costs less for each. Left to chance it pays 9 and more.
    [Theory]
    [InlineData(1, 8, 8.3)]
    [InlineData(3, 6.5, 7.9)]
    public void A_mixture_starts_spread_over_the_range(int channels, double least, double most)
    {
        manual_seed(1);
        var shape = new PictureShape(channels, 8, 8);
        var model = new Manifold.Models.Vae(shape, new() { Network = Manifold.Models.Network.Conv, LatentDim = 3, Conv = new() { Channels = [8, 8], Blocks = [0, 1] }, Likelihood = new() { Kind = Likelihood.LogisticMixture, Components = 5 } });
        var x = (randint(0, 256, [32, 1, 8, 8]).to_type(ScalarType.Float32) / 255).expand(-1, channels, -1, -1);
        var bits = model.LogPxz(new Batch(x), randn(32, 3)).mean().item<float>() / -(shape.Dims * Math.Log(2));
        Assert.InRange(bits, least, most);
    }
}
