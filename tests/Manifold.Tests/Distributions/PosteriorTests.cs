using Manifold.Distributions;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Distributions;

public class PosteriorTests
{
    private static Posterior.FullNormal Full(out Tensor mu, out Tensor covariance)
    {
        mu = tensor(new[] { 0.5, -1.0, 2.0, 1.0, 0.0, -0.5 }).view(2, 3);
        var logvar = tensor(new[] { -1.0, 0.3, -0.5, 0.2, -2.0, 0.0 }).view(2, 3);
        var below = tensor(new[] { 0.4, -0.3, 0.8, -1.1, 0.2, 0.6 }).view(2, 3);            // L10, L20, L21
        var factor = diag_embed((logvar / 2).exp());
        factor[.., 1, 0] = below[.., 0];
        factor[.., 2, 0] = below[.., 1];
        factor[.., 2, 1] = below[.., 2];
        covariance = factor.bmm(factor.transpose(1, 2));
        return new Posterior.FullNormal(mu, logvar, below);
    }

    // The textbook's formula with inverse and determinant, for one draw and for several at once.
    [Fact]
    public void A_full_normal_has_the_density_of_its_covariance()
    {
        manual_seed(1);
        var q = Full(out var mu, out var covariance);
        var z = randn(4, 2, 3, ScalarType.Float64);
        var d = z - mu;
        var expected = -0.5 * (einsum("kbi,bij,kbj->kb", d, covariance.inverse(), d) + covariance.logdet() + 3 * Math.Log(2 * Math.PI));
        Assert.True((q.LogDensity(z).sum(-1) - expected).abs().max().item<double>() < 1e-12);
        Assert.True((q.LogDensity(z[1]).sum(-1) - expected[1]).abs().max().item<double>() < 1e-12);
    }

    [Fact]
    public void Draws_of_a_full_normal_have_its_mean_and_covariance()
    {
        manual_seed(2);
        var q = Full(out var mu, out var covariance);
        var z = q.Sample(q.Noise(200_000));                                                 // [n, 2, 3]
        var d = z - mu;
        Assert.True((z.mean([0]) - mu).abs().max().item<double>() < 0.02);
        Assert.True((einsum("kbi,kbj->bij", d, d) / 200_000 - covariance).abs().max().item<double>() < 0.03);
        Assert.True((q.Sample(ones(2, 3, ScalarType.Float64)) - q.Sample(ones(1, 2, 3, ScalarType.Float64))[0]).abs().max().item<double>() < 1e-15);
    }

    // KL( N(m, S) || N(0, I) ) = (tr S + m'm - D - ln det S) / 2, all latents together.
    [Fact]
    public void The_kl_of_a_full_normal_is_the_textbooks()
    {
        var q = Full(out var mu, out var covariance);
        var expected = 0.5 * (covariance.diagonal(0, 1, 2).sum(-1) + mu.square().sum(-1) - 3 - covariance.logdet());
        Assert.True((q.Kl(Prior.Normal)!.sum(-1) - expected).abs().max().item<double>() < 1e-12);
        Assert.True((q.Entropy!.sum(-1) - 0.5 * (covariance.logdet() + 3 * (1 + Math.Log(2 * Math.PI)))).abs().max().item<double>() < 1e-12);
    }

    [Fact]
    public void The_kl_of_a_full_normal_to_laplace_is_the_mean_of_log_q_minus_log_p()
    {
        manual_seed(3);
        const int n = 300_000;
        var q = Full(out _, out _);
        var z = q.Sample(q.Noise(n));
        var terms = (q.LogDensity(z) - Prior.Laplace.LogDensity(z)).sum(-1);                // [n, 2]
        Assert.True(((q.Kl(Prior.Laplace)!.sum(-1) - terms.mean([0])) / (terms.std(0) / Math.Sqrt(n))).abs().max().item<double>() < 4);
    }

    // Pressed into the cube it still integrates to one, and its KL to the cube is that of the logistic before the sigmoid to the standard logistic.
    [Fact]
    public void A_sigmoid_logistic_is_a_density_on_the_cube()
    {
        manual_seed(4);
        Tensor mu = full(1, 1, 0.8, ScalarType.Float64), logvar = full(1, 1, -0.6, ScalarType.Float64);
        var q = new Posterior.Squashed(LocationScale.Logistic, mu, logvar);
        var grid = arange(0.5e-5, 1, 1e-5, ScalarType.Float64).view(-1, 1, 1);
        Assert.Equal(1, q.LogDensity(grid).exp().sum().item<double>() * 1e-5, 1e-4);

        const int n = 300_000;
        var eps = q.Noise(n);
        var inside = (q.LogDensity(q.Sample(eps)) - Prior.Cube.LogDensity(q.Sample(eps))).flatten();
        var line = new Posterior.Diagonal(LocationScale.Logistic, mu, logvar);
        var outside = (line.LogDensity(line.Sample(eps)) - LocationScale.Logistic.LogDensity(line.Sample(eps))).flatten();
        Assert.True((inside - outside).abs().max().item<double>() < 1e-6);
        Assert.True(inside.mean().item<double>() > 0.1);
        Assert.Null(q.Kl(Prior.Cube));
    }

    // At scale 1 and place 0 the sigmoid of a logistic is the uniform law itself.
    [Fact]
    public void The_standard_sigmoid_logistic_is_the_cube() =>
        Assert.True(new Posterior.Squashed(LocationScale.Logistic, zeros(1, 1, ScalarType.Float64), zeros(1, 1, ScalarType.Float64))
            .LogDensity(linspace(0.01, 0.99, 50, ScalarType.Float64).view(-1, 1, 1)).abs().max().item<double>() < 1e-12);
}
