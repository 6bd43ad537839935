using Manifold.Distributions;
using TorchSharp;
using static TorchSharp.torch;
using Categorical = Manifold.Distributions.Categorical;

namespace Manifold.Tests.Distributions;

/// <summary>The laws of 256 values: discretized logistics, their mixtures, and the categorical.</summary>
public class PixelLawTests
{
    private static readonly Tensor Values = 2 * arange(256, dtype: ScalarType.Float64) / 255 - 1;             // the 256 points of [-1, 1]

    [Theory]
    [InlineData(0.1, -2)]
    [InlineData(-1, -6)]
    [InlineData(0.997, -7)]
    [InlineData(30, 2)]                                                                                       // far out of the range
    [InlineData(0, 5)]                                                                                        // far wider than it
    public void A_discretized_logistic_sums_to_one(double mean, double logScale)
    {
        var log = DiscretizedLogistic.LogProb(Values, tensor(mean), tensor(logScale));
        Assert.Equal(1, log.exp().sum().item<double>(), precision: 12);
        Assert.True(log.isfinite().all().item<bool>());
    }

    // The definition, in double precision, where its difference of sigmoids does not cancel.
    [Fact]
    public void A_discretized_logistic_is_the_difference_of_two_sigmoids()
    {
        const double m = 0.2, s = 0.05;
        for (var i = 0; i < 256; i++)
        {
            var x = 2 * i / 255.0 - 1;
            double Cdf(double at) => 1 / (1 + Math.Exp(-(at - m) / s));
            var p = (i == 255 ? 1 : Cdf(x + 1 / 255.0)) - (i == 0 ? 0 : Cdf(x - 1 / 255.0));
            if (p > 1e-8) Assert.Equal(Math.Log(p), DiscretizedLogistic.LogProb(tensor(x), tensor(m), tensor(Math.Log(s))).item<double>(), 1e-6);
        }
    }

    // In single precision the far tail has the slope of a logistic's, and its gradient, where a difference of sigmoids is 0.
    [Fact]
    public void The_tail_keeps_its_digits_in_single_precision()
    {
        var mean = zeros(1, requires_grad: true);
        var log = DiscretizedLogistic.LogProb(tensor(0.9f), mean, tensor(-6f));
        log.sum().backward();
        var exact = DiscretizedLogistic.LogProb(tensor(0.9), tensor(0.0), tensor(-6.0)).item<double>();
        Assert.Equal(exact, log.item<float>(), 0.01);
        Assert.InRange(exact, -400, -340);
        Assert.Equal(Math.Exp(6), mean.grad!.item<float>(), 0.5);                                             // d log p / dm = 1 / s there
    }

    private static LogisticMixture Mixture(int channels, int k, out Tensor raw, long h = 1, long w = 1)
    {
        manual_seed(7);
        raw = randn(1, LogisticMixture.Outputs(channels, k), h, w, dtype: ScalarType.Float64);
        return LogisticMixture.Of(raw - 1.0, channels, k);
    }

    [Fact]
    public void A_grey_mixture_sums_to_one()
    {
        var all = Values.view(256, 1, 1, 1);
        var mixture = Mixture(1, 3, out _);
        var log = mixture.LogProb(all);
        Assert.Equal([256], log.shape);
        Assert.Equal(1, log.exp().sum().item<double>(), precision: 12);
    }

    // Over blue, given red and green, and so on up the chain: the conditionals each sum to one, so all 16.7 million colours do.
    // Checked whole on 16 values a channel by sums of conditionals: p(r) from the grey marginal of red, and p(r, g, b) summed over b.
    [Fact]
    public void A_colour_mixture_sums_to_one_channel_by_channel()
    {
        var mixture = Mixture(3, 2, out var raw);
        Tensor Colour(Tensor r, Tensor g, Tensor b) => stack([r.expand(256), g.expand(256), b.expand(256)], 1).view(256, 3, 1, 1);
        // sum over blue and green of p(r, g, b) must be the mixture of red's logistics alone.
        var red = Values[77];
        var total = 0.0;
        for (var g = 0; g < 256; g++) total += mixture.LogProb(Colour(red, Values[g], Values)).exp().sum().item<double>();
        var parts = LogisticMixture.Of(raw - 1.0, 3, 2);
        var marginal = (parts.LogitProbs.log_softmax(1).flatten() + DiscretizedLogistic.LogProb(red, parts.Means[0, .., 0].flatten(), parts.LogScales[0, .., 0].flatten())).logsumexp(0);
        Assert.Equal(marginal.exp().item<double>(), total, precision: 12);
    }

    // A slow and obvious version: loops over pixels, components and channels.
    [Fact]
    public void A_mixture_is_its_slow_and_obvious_version()
    {
        const int k = 3;
        var mixture = Mixture(3, k, out var raw, h: 2, w: 3);
        manual_seed(8);
        var bytes = randint(0, 256, [2, 3, 2, 3]).to_type(ScalarType.Float64);
        bytes[0, 0, 0, 0] = 0;
        bytes[1, 2, 1, 2] = 255;
        var x = bytes / 127.5 - 1;
        var y = (raw - 1.0)[0];
        for (var n = 0; n < 2; n++)
        {
            var nats = 0.0;
            for (var row = 0; row < 2; row++)
                for (var column = 0; column < 3; column++)
                {
                    double At(int channel) => y[channel, row, column].item<double>();
                    double X(int c) => x[n, c, row, column].item<double>();
                    var norm = Enumerable.Range(0, k).Sum(i => Math.Exp(At(i)));
                    var p = 0.0;
                    for (var i = 0; i < k; i++)
                    {
                        var part = Math.Exp(At(i)) / norm;
                        for (var c = 0; c < 3; c++)
                        {
                            double mean = At(k + 3 * i + c), logScale = Math.Max(-7, At(4 * k + 3 * i + c));
                            double Coefficient(int j) => Math.Tanh(At(7 * k + 3 * i + j));
                            if (c == 1) mean += Coefficient(0) * X(0);
                            if (c == 2) mean += Coefficient(1) * X(0) + Coefficient(2) * X(1);
                            double Cdf(double at) => 1 / (1 + Math.Exp(-(at - mean) / Math.Exp(logScale)));
                            part *= (X(c) > 0.999 ? 1 : Cdf(X(c) + 1 / 255.0)) - (X(c) < -0.999 ? 0 : Cdf(X(c) - 1 / 255.0));
                        }
                        p += part;
                    }
                    nats += Math.Log(p);
                }
            Assert.Equal(nats, mixture.LogProb(x)[n].item<double>(), precision: 7);                          // the slow one's differences cancel
        }
    }

    // Draws have the probabilities that the density gives them, to within four standard errors, values at the edge included. Of two components either sign of the noise would do; three tell.
    [Fact]
    public void Draws_of_a_mixture_follow_it()
    {
        manual_seed(5);
        const int n = 200_000;
        var one = Mixture(1, 3, out var raw);
        var many = LogisticMixture.Of((raw - 1.0).expand(n, -1, -1, -1), 1, 3);
        var drawn = (many.Sample(rand(n, 3 + 1, 1, 1, ScalarType.Float64)) * 127.5 + 127.5).round();
        foreach (var value in new[] { 0, 60, 128, 200, 255 })
        {
            var p = one.LogProb(Values[value].view(1, 1, 1, 1)).exp().item<double>();
            Assert.Equal(p, drawn.eq(value).to_type(ScalarType.Float64).mean().item<double>(), 4 * Math.Sqrt(p / n));
        }
    }

    // With green tied to red by a coefficient near one, and narrow logistics, drawn greens follow drawn reds.
    [Fact]
    public void Drawn_colours_move_together()
    {
        manual_seed(6);
        var outputs = zeros(2000, LogisticMixture.Outputs(3, 1), 1, 1, ScalarType.Float64);
        outputs[.., 4] = -1.5;                                                                               // red wide
        outputs[.., 5] = -7;                                                                                 // green and blue narrow
        outputs[.., 6] = -7;
        outputs[.., 7] = 20;                                                                                 // green = red
        outputs[.., 9] = -20;                                                                                // blue = -green
        var x = LogisticMixture.Of(outputs, 3, 1).Sample(rand(2000, 1 + 3, 1, 1, ScalarType.Float64));
        Assert.True((x[.., 0] - x[.., 1]).abs().mean().item<double>() < 0.01);
        Assert.True((x[.., 2] + x[.., 1]).abs().mean().item<double>() < 0.01);
        Assert.True(x[.., 0].std().item<double>() > 0.2);
    }

    // In single precision, against the closed form in double precision: every bin, means inside and far outside, and scales from the floor to e^200.
    [Theory]
    [InlineData(2)]
    [InlineData(256)]
    public void Value_and_slopes_are_right_at_every_scale(int levels)
    {
        float[] means = [-1000, -3, -1, -0.4f, 0, 0.5f, 1, 3, 1000];
        float[] scales = [-7, -5, -3, -1, 0, 1, 2, 2.06f, 3, 5, 8, 12, 20, 40, 60, 80, 84, 87, 88, 90, 100, 104, 120, 200];
        foreach (var logScale in scales)
            foreach (var mean in means)
            {
                var bins = 2 * arange(levels, dtype: ScalarType.Float32) / (levels - 1) - 1;
                Tensor m = full(levels, mean, requires_grad: true), s = full(levels, logScale, requires_grad: true);
                var log = DiscretizedLogistic.LogProb(bins, m, s, levels);
                log.sum().backward();
                for (var bin = 0; bin < levels; bin++)
                {
                    var (value, ofMean, ofScale, size) = Exact(bin, mean, logScale, levels);
                    var at = $"bin {bin} of {levels}, mean {mean}, log scale {logScale}";
                    Near(value, log[bin].item<float>(), 2e-5 * (1 + size), $"log p: {at}");
                    Near(ofMean, m.grad![bin].item<float>(), 2e-5 * (1 + size) * Math.Exp(-logScale) + 1e-37, $"slope of the mean: {at}");
                    Near(ofScale, s.grad![bin].item<float>(), 2e-5 * (1 + size), $"slope of the log scale: {at}");
                }
            }
    }

    private static void Near(double expected, double found, double tolerance, string what) =>
        Assert.True(Math.Abs(expected - found) <= tolerance, FormattableString.Invariant($"{what} is {found}, expected {expected}"));

    // log p = log(1 - e^-t) + log sigmoid(a) + log sigmoid(-b), t = a - b; the first bin has no b, the last no a, and neither a width. Size: of the largest term.
    private static (double Value, double OfMean, double OfScale, double Size) Exact(int bin, double mean, double logScale, int levels)
    {
        static double LogSigmoid(double y) => Math.Min(y, 0) - Math.Log(1 + Math.Exp(-Math.Abs(y)));
        static double Sigmoid(double y) => 1 / (1 + Math.Exp(-y));
        double x = 2.0 * bin / (levels - 1) - 1, half = 1.0 / (levels - 1), inverse = Math.Exp(-logScale);
        double a = (x - mean + half) * inverse, b = (x - mean - half) * inverse, t = 2 * half * inverse;
        double value = 0, ofMean = 0, ofScale = 0, size = Math.Abs(logScale);
        if (bin < levels - 1) (value, ofMean, ofScale, size) = (value + LogSigmoid(a), ofMean - inverse * Sigmoid(-a), ofScale - a * Sigmoid(-a), Math.Max(size, Math.Abs(a)));
        if (bin > 0) (value, ofMean, ofScale, size) = (value + LogSigmoid(-b), ofMean + inverse * Sigmoid(b), ofScale + b * Sigmoid(b), Math.Max(size, Math.Abs(b)));
        if (bin == 0 || bin == levels - 1) return (value, ofMean, ofScale, size);
        return t < 1e-4 ? (value + Math.Log(2 * half) - logScale - t / 2, ofMean, ofScale - 1 + t / 2, size)
            : (value + Math.Log(1 - Math.Exp(-t)), ofMean, ofScale - t * Math.Exp(-t) / (1 - Math.Exp(-t)), size);
    }

    // A scale beyond float32 draws from the two ends, and never NaN.
    [Fact]
    public void Draws_of_an_endless_scale_are_numbers()
    {
        var drawn = DiscretizedLogistic.Sample(tensor(0.25f), tensor(200f), tensor(new[] { 0.1f, 0.5f, 0.9f }));
        Assert.Equal([-1, 0.25f, 1], drawn.data<float>().ToArray());
    }

    // By hand: three values of probabilities 1/2, 1/4, 1/4.
    [Fact]
    public void A_categorical_by_hand()
    {
        var logits = tensor(new[] { Math.Log(2), 0, 0 }).view(1, 3, 1, 1, 1);
        Assert.Equal(-Math.Log(2), Categorical.LogProb(zeros(1, 1, 1, 1, ScalarType.Int64), logits).item<double>(), precision: 12);
        Assert.Equal(-Math.Log(4), Categorical.LogProb(full([1, 1, 1, 1], 2, ScalarType.Int64), logits).item<double>(), precision: 12);
        Assert.Equal(0.75, Categorical.Mean(logits).item<double>(), precision: 12);
        foreach (var (u, value) in new[] { (0.49, 0L), (0.51, 1), (0.74, 1), (0.76, 2), (0.9999999, 2) })
            Assert.Equal(value, Categorical.Sample(logits, full([1, 1, 1, 1], u, ScalarType.Float64)).item<long>());
    }
}
