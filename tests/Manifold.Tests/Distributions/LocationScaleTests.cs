using Manifold.Distributions;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Distributions;

public class LocationScaleTests
{
    public static TheoryData<string> Families => ["normal", "laplace", "logistic", "student-t"];

    private static LocationScale Family(string name) => name switch
    {
        "normal" => LocationScale.Normal,
        "laplace" => LocationScale.Laplace,
        "logistic" => LocationScale.Logistic,
        _ => LocationScale.StudentT(5),
    };

    private static Prior PriorOf(string name) => name == "laplace" ? Prior.Laplace : Prior.Normal;

    // On a fine grid: the density's integral is 1, minus the integral of p log p the entropy, of p x^2 the mean square, of p |m + x| the mean distance.
    [Theory]
    [MemberData(nameof(Families))]
    public void Constants_are_the_integrals_that_they_stand_for(string name)
    {
        var family = Family(name);
        const double step = 1e-3, reach = 400;                                   // Student's tail: x^2 t_5 falls as x^-4
        var x = arange(-reach, reach, step, ScalarType.Float64);
        var log = family.LogDensity(x);
        var p = log.exp();
        double Integral(Tensor f) => (f * p).sum().item<double>() * step;

        Assert.Equal(1, Integral(ones_like(x)), 1e-6);
        Assert.Equal(family.Entropy, Integral(-log), 1e-5);
        Assert.Equal(family.MeanSquare, Integral(x.square()), 1e-5);
        foreach (var m in new[] { -3.0, 0, 0.4, 20 })
            if (family.MeanAbsolute(tensor(m)) is { } mean) Assert.Equal(mean.item<double>(), Integral((m + x).abs()), 1e-4);
    }

    // The share of draws below a point is the integral of the density up to it.
    [Theory]
    [MemberData(nameof(Families))]
    public void Draws_follow_the_density(string name)
    {
        manual_seed(4);
        const int n = 400_000;
        var family = Family(name);
        var draws = family.Noise([n], ScalarType.Float64, CPU);
        var x = arange(-200, 6, 1e-3, ScalarType.Float64);
        var cumulative = (family.LogDensity(x).exp() * 1e-3).cumsum(0);

        Assert.True(draws.isfinite().all().item<bool>());
        foreach (var at in new[] { -4.0, -1, -0.2, 0, 0.7, 2, 5 })
        {
            var expected = cumulative[(int)Math.Round((at + 200) / 1e-3)].item<double>();
            var share = draws.le(at).to_type(ScalarType.Float64).mean().item<double>();
            Assert.Equal(expected, share, 4 * Math.Sqrt(expected * (1 - expected) / n) + 1e-3);   // four standard errors, and the grid's step
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Draws_in_single_precision_are_finite(string name)
    {
        manual_seed(9);
        Assert.True(Family(name).Noise([3_000_000], ScalarType.Float32, CPU).isfinite().all().item<bool>());
    }

    // E_q[log q - log p] over draws, per latent, within four standard errors of the closed form.
    [Theory]
    [InlineData("normal", "normal")]
    [InlineData("laplace", "normal")]
    [InlineData("logistic", "normal")]
    [InlineData("student-t", "normal")]
    [InlineData("normal", "laplace")]
    [InlineData("laplace", "laplace")]
    [InlineData("logistic", "laplace")]
    public void The_closed_kl_is_the_mean_of_log_q_minus_log_p(string posterior, string prior)
    {
        manual_seed(2);
        const int n = 300_000;
        var q = new Posterior.Diagonal(Family(posterior), tensor(new[] { 0.7, -1.2, 0.0, 3.0 }).unsqueeze(0), tensor(new[] { -1.0, 0.5, 0.0, -4 }).unsqueeze(0));
        var z = q.Sample(q.Noise(n));                                                                 // [n, 1, 4]
        var terms = (q.LogDensity(z) - PriorOf(prior).LogDensity(z)).squeeze(1);                      // [n, 4]
        var error = terms.std(0) / Math.Sqrt(n);

        Assert.True(((q.Kl(PriorOf(prior))!.squeeze(0) - terms.mean([0])).abs() - 4 * error).max().item<double>() < 1e-12);   // the third latent is a standard one, without scatter
    }

    // By hand: KL( Laplace(m, b) || Laplace(0, 1) ) = b e^(-|m|/b) + |m| - 1 - ln b.
    [Theory]
    [InlineData(0, 1, 0)]
    [InlineData(2, 1, 1.1353352832366128)]                                       // e^-2 + 2 - 1
    [InlineData(0, 0.5, 0.1931471805599453)]                                     // 1/2 - 1 + ln 2
    public void The_kl_of_two_laplaces_by_hand(double m, double b, double nats) =>
        Assert.Equal(nats, new Posterior.Diagonal(LocationScale.Laplace, full(1, 1, m, ScalarType.Float64), full(1, 1, 2 * Math.Log(b), ScalarType.Float64)).Kl(Prior.Laplace)!.item<double>(), precision: 12);

    [Fact]
    public void The_t_law_needs_a_variance() => Assert.Contains("above 2", Assert.Throws<ArgumentOutOfRangeException>(() => LocationScale.StudentT(2)).Message);

    // A prior's codes are made through its distribution function: the quartiles of the normal become its own.
    [Fact]
    public void One_seed_draws_a_code_from_every_prior()
    {
        var quartiles = tensor(new[] { -0.6744897501960817, 0, 0.6744897501960817, -12 });
        var laplace = Prior.Laplace.FromNormal(quartiles).data<double>().ToArray();
        var cube = Prior.Cube.FromNormal(quartiles).data<double>().ToArray();
        Assert.Equal(-Math.Log(2), laplace[0], precision: 12);
        Assert.Equal((0, Math.Log(2)), (laplace[1], Math.Round(laplace[2], 12)), new Close());
        Assert.Equal(-74.717526, laplace[3], precision: 6);                      // ln(2 Phi(-12)), Phi(-12) = 1.776e-33: the tail is not lost
        Assert.Equal(0.25, cube[0], precision: 12);
        Assert.Equal(0.75, cube[2], precision: 12);
    }

    private sealed class Close : IEqualityComparer<(double, double)>
    {
        public bool Equals((double, double) a, (double, double) b) => Math.Abs(a.Item1 - b.Item1) < 1e-11 && Math.Abs(a.Item2 - b.Item2) < 1e-11;
        public int GetHashCode((double, double) pair) => 0;
    }
}
