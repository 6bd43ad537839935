using Manifold.Distributions;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Distributions;

public class GaussianTests
{
    // By hand, KL( N(m, s^2) || N(0, 1) ) = (m^2 + s^2 - 1 - ln s^2) / 2.
    [Theory]
    [InlineData(0.0, 1.0, 0.0)]                    // the prior itself
    [InlineData(1.0, 1.0, 0.5)]                    // one unit of shift is half a nat
    [InlineData(0.0, 4.0, 0.8068528194400547)]     // (4 - 1 - ln 4) / 2
    public void Kl_to_the_prior_in_nats(double mean, double variance, double nats)
    {
        var mu = full([3, 2], mean, ScalarType.Float64);                       // three examples, two dimensions
        var logvar = full([3, 2], Math.Log(variance), ScalarType.Float64);

        var kl = Gaussian.KlToStandard(mu, logvar);

        Assert.Equal([3, 2], kl.shape);                                        // one value for each dimension
        Assert.All(kl.data<double>().ToArray(), k => Assert.Equal(nats, k, precision: 12));
    }

    // KL = E_q[log q - log p]; the standard error of the mean of n terms is their standard deviation over sqrt n.
    [Fact]
    public void The_analytic_kl_is_the_mean_of_log_q_minus_log_p()
    {
        manual_seed(1);
        const int n = 200_000;
        var mu = tensor(new[] { 0.7, -1.2, 0.0 });
        var logvar = tensor(new[] { -1.0, 0.5, 0.0 });

        var z = Gaussian.Sample(mu, logvar, randn(n, 3, ScalarType.Float64));                       // [n, 3]
        var terms = Gaussian.LogProb(z, mu, logvar) - Gaussian.LogProbStandard(z);                  // [n]

        var error = terms.std().item<double>() / Math.Sqrt(n);
        Assert.Equal(Gaussian.KlToStandard(mu, logvar).sum().item<double>(), terms.mean().item<double>(), 4 * error);
    }

    [Fact]
    public void The_kl_is_zero_only_at_the_prior_and_has_its_minimum_there()
    {
        var mu = zeros(5, ScalarType.Float64, requires_grad: true);
        var logvar = zeros(5, ScalarType.Float64, requires_grad: true);

        var kl = Gaussian.KlToStandard(mu, logvar).sum();
        kl.backward();

        Assert.Equal(0, kl.item<double>());
        Assert.Equal(0, mu.grad!.abs().sum().item<double>() + logvar.grad!.abs().sum().item<double>());
        Assert.True(Gaussian.KlToStandard(randn(1000, 5), randn(1000, 5)).min().item<float>() > 0);
    }

    // By hand: log N(3; 1, 4) = -( (3-1)^2 / 4 + ln 4 + ln 2 pi ) / 2.
    [Fact]
    public void A_log_density_by_hand()
    {
        var x = tensor(new[] { 3.0, 3.0 }).unsqueeze(0);                       // [1, 2]
        var logProb = Gaussian.LogProb(x, ones(1, 2, ScalarType.Float64), full([1, 2], Math.Log(4), ScalarType.Float64));

        Assert.Equal([1], logProb.shape);
        Assert.Equal(-(1 + Math.Log(4) + Math.Log(2 * Math.PI)), logProb.item<double>(), precision: 12);   // two dimensions, so no half
    }

    [Fact]
    public void A_density_integrates_to_one()
    {
        var x = linspace(-30, 30, 60_001, ScalarType.Float64).unsqueeze(1);    // steps of a thousandth
        var total = Gaussian.LogProb(x, full([1], 0.3, ScalarType.Float64), full([1], 1.1, ScalarType.Float64)).exp().sum().item<double>() * 1e-3;
        Assert.Equal(1, total, precision: 9);
    }

    // z = mu + sigma eps: dz/dmu = 1, dz/dlogvar = sigma eps / 2.
    [Fact]
    public void Gradients_reach_both_parameters_through_a_sample()
    {
        var mu = zeros(4, ScalarType.Float64, requires_grad: true);
        var logvar = full([4], Math.Log(9), ScalarType.Float64).requires_grad_(true);
        var eps = tensor(new[] { 1.0, -2.0, 0.5, 0.0 });

        Gaussian.Sample(mu, logvar, eps).sum().backward();

        Assert.Equal([1, 1, 1, 1], mu.grad!.data<double>().ToArray());
        foreach (var (expected, actual) in new[] { 1.5, -3, 0.75, 0 }.Zip(logvar.grad!.data<double>().ToArray())) Assert.Equal(expected, actual, precision: 12);
    }
}
