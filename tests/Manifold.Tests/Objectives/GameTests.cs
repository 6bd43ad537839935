using Manifold.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Objectives;

/// <summary>The theory of the games, on laws over seven symbols with a discriminator that is a table.</summary>
public class GameTests
{
    private static readonly Tensor p = Law(1), q = Law(2);                    // [7], the data's and the generator's

    private static readonly Game[] all = [Game.Minimax(), Game.NonSaturating(), Game.LeastSquares(), Game.LeastSquares(-1, 1, 0), Game.Wasserstein(), Game.Hinge()];
    public static TheoryData<int> Every => [.. Enumerable.Range(0, all.Length)];

    private static Tensor Law(int seed)
    {
        using var generator = new Generator((ulong)seed, CPU);
        return rand(7, ScalarType.Float64, generator: generator).add(0.05).log().softmax(0);
    }

    /// <summary>The scores that minimise E_p Real + E_q Fake, found by Newton's method on each symbol with derivatives of the game's own code.</summary>
    private static Tensor BestScores(Game game, Tensor p, Tensor q)
    {
        var score = zeros(7, ScalarType.Float64);
        for (var i = 0; i < 60; i++)
        {
            var at = score.detach().requires_grad_();
            var loss = (p * game.Real(at) + q * game.Fake(at)).sum();
            var slope = autograd.grad([loss], [at], retain_graph: true, create_graph: true)[0];
            var bend = autograd.grad([slope.sum()], [at])[0];
            score = at.detach() - slope.detach() / bend;
        }
        return score;
    }

    private static double JensenShannon(Tensor p, Tensor q)
    {
        var m = (p + q) / 2;
        return (0.5 * (p * (p / m).log()).sum() + 0.5 * (q * (q / m).log()).sum()).item<double>();
    }

    // Goodfellow et al. 2014, proposition 1 and theorem 1.
    [Fact]
    public void The_best_discriminator_is_the_share_of_the_data_and_its_value_is_the_divergence()
    {
        foreach (var game in new[] { Game.Minimax(), Game.NonSaturating() })
        {
            var best = BestScores(game, p, q);
            Assert.True(best.sigmoid().allclose(p / (p + q), rtol: 0, atol: 1e-12));
            var value = -(p * game.Real(best) + q * game.Fake(best)).sum().item<double>();
            Assert.Equal(-Math.Log(4) + 2 * JensenShannon(p, q), value, 1e-12);
        }
        Assert.Equal(2 * Math.Log(2), (p * Game.NonSaturating().Real(BestScores(Game.NonSaturating(), p, p)) + p * Game.NonSaturating().Fake(zeros(7, ScalarType.Float64))).sum().item<double>(), 1e-12);
    }

    // The same value is what minimax's generator sees: E_q log(1 - D*) + E_p log D* .
    [Fact]
    public void The_saturating_generator_lowers_the_divergence_itself()
    {
        var best = BestScores(Game.Minimax(), p, q);
        var value = (-(p * Game.Minimax().Real(best)).sum() + (q * Game.Minimax().Generator(best)).sum()).item<double>();
        Assert.Equal(-Math.Log(4) + 2 * JensenShannon(p, q), value, 1e-12);
    }

    // Mao et al. 2017, equations 5 to 8.
    [Theory]
    [InlineData(-1, 1, 0)]
    [InlineData(0, 2, 1)]
    [InlineData(3, 5, 4)]
    public void With_the_right_codes_least_squares_is_pearsons_chi_square(double a, double b, double c)
    {
        var game = Game.LeastSquares(a, b, c);
        var best = BestScores(game, p, q);
        Assert.True(best.allclose((b * p + a * q) / (p + q), rtol: 0, atol: 1e-12));
        var cost = 0.5 * (p * (best - c).square()).sum().item<double>() + (q * game.Generator(best)).sum().item<double>();
        var chiSquare = ((2 * q - (p + q)).square() / (p + q)).sum().item<double>();
        Assert.Equal(chiSquare, 2 * cost, 1e-12);
    }

    [Fact]
    public void Where_the_two_laws_are_one_zero_one_codes_say_a_half()
    {
        var best = BestScores(Game.LeastSquares(), p, p);
        Assert.True(best.allclose(full(7, 0.5, ScalarType.Float64), rtol: 0, atol: 1e-12));
        Assert.Equal(0.25, (p * Game.LeastSquares().Real(best) + p * Game.LeastSquares().Fake(best)).sum().item<double>(), 1e-12);
        Assert.Equal(0.125, (p * Game.LeastSquares().Generator(best)).sum().item<double>(), 1e-12);
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.25)]
    public void One_sided_smoothing_scales_the_best_discriminator(double smoothing)
    {
        var best = BestScores(Game.NonSaturating(smoothing), p, q);
        Assert.True(best.sigmoid().allclose((1 - smoothing) * p / (p + q), rtol: 0, atol: 1e-12));   // Salimans et al. 2016, section 3.4, with beta = 0
    }

    [Theory]
    [MemberData(nameof(Every))]
    public void Gradients_are_those_of_finite_differences(int index)
    {
        var game = all[index];
        foreach (var half in new[] { game.Real, game.Fake, game.Generator })
            foreach (var at in new[] { -3.3, -0.7, 0.2, 2.9 })
            {
                var score = tensor(at, ScalarType.Float64).requires_grad_();
                half(score).backward();
                const double h = 1e-6;
                var slope = (half(tensor(at + h, ScalarType.Float64)) - half(tensor(at - h, ScalarType.Float64))).item<double>() / (2 * h);
                Assert.Equal(slope, score.grad!.item<double>(), 1e-7);
            }
    }

    // Where D is sure of a fake, log(1 - D) is flat and -log D is not: (1 - D) / D = 9,999 at D = 1e-4.
    [Fact]
    public void The_non_saturating_gradient_does_not_vanish()
    {
        double Slope(Game game)
        {
            var score = tensor(Math.Log(1e-4 / (1 - 1e-4)), ScalarType.Float64).requires_grad_();
            game.Generator(score).backward();
            return score.grad!.item<double>();
        }
        Assert.Equal(-1e-4, Slope(Game.Minimax()), 1e-12);
        Assert.Equal(-(1 - 1e-4), Slope(Game.NonSaturating()), 1e-12);
        Assert.Equal(9999, Slope(Game.NonSaturating()) / Slope(Game.Minimax()), 1e-6);
    }

    // Mao et al. 2017, figure 1: fakes far on the wrong side are pulled the harder.
    [Fact]
    public void The_least_squares_gradient_grows_with_the_distance()
    {
        double Slope(Game game, double at)
        {
            var score = tensor(at, ScalarType.Float64).requires_grad_();
            game.Generator(score).backward();
            return score.grad!.item<double>();
        }
        foreach (var at in new[] { -1.0, -10, -100 }) Assert.Equal(at - 1, Slope(Game.LeastSquares(), at), 1e-12);
        Assert.True(Math.Abs(Slope(Game.Minimax(), -100)) < 1e-40);
    }

    [Fact]
    public void The_hinge_stops_where_it_is_sure()
    {
        var score = tensor(new[] { -2.0, -0.5, 0.5, 2 });
        Assert.Equal([3, 1.5, 0.5, 0], Game.Hinge().Real(score).data<double>().ToArray());
        Assert.Equal([0, 0.5, 1.5, 3], Game.Hinge().Fake(score).data<double>().ToArray());
        Assert.Equal([2, 0.5, -0.5, -2], Game.Hinge().Generator(score).data<double>().ToArray());
    }

    [Theory]
    [InlineData("coding", "its third number")]
    [InlineData("length", "three numbers")]
    [InlineData("smoothing", "only minimax and non_saturating")]
    [InlineData("steps", "objective.discriminator_steps is 0")]
    public void What_makes_no_sense_is_refused(string what, string message)
    {
        var objective = what switch
        {
            "coding" => new AdversarialObjective { Game = GameKind.LeastSquares, Coding = [0, 1, 0] },
            "length" => new AdversarialObjective { Coding = [0, 1] },
            "smoothing" => new AdversarialObjective { Game = GameKind.Hinge, Smoothing = 0.1 },
            _ => new AdversarialObjective { DiscriminatorSteps = 0 },
        };
        Assert.Contains(message, Assert.Throws<ArgumentOutOfRangeException>(objective.Validated).Message);
    }
}
