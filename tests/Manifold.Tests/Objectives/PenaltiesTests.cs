using Manifold.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Objectives;

public class PenaltiesTests
{
    // D(x) = sum_i w_i x_i^2 / 2 has the slope w x: R1 = |w x|^2, and its gradient to w is 2 w x^2.
    [Fact]
    public void R1_is_the_squared_slope_and_reaches_the_weights()
    {
        manual_seed(1);
        var x = randn([5, 1, 2, 3], ScalarType.Float64).requires_grad_();
        var w = randn([1, 2, 3], ScalarType.Float64).requires_grad_();
        var score = (0.5 * w * x.square()).flatten(1).sum(1);
        var penalty = Penalties.R1(score, x);
        Assert.True(penalty.allclose((w * x).square().flatten(1).sum(1), 1e-12, 1e-12));
        penalty.sum().backward();
        Assert.True(w.grad!.allclose((2 * w * x.square()).sum(0, false), 1e-12, 1e-12));
    }

    [Fact]
    public void The_penalty_on_lines_is_of_slopes_other_than_one()
    {
        manual_seed(2);
        Tensor real = randn([6, 1, 2, 2]), fake = randn([6, 1, 2, 2]);
        var unit = nn.functional.normalize(randn(4), dim: 0);
        Tensor Linear(Tensor at, double slope) => slope * at.flatten(1).mv(unit);
        Assert.True(Penalties.OnLines(at => Linear(at, 1), real, fake).abs().max().item<float>() < 1e-10);
        Assert.True(Penalties.OnLines(at => Linear(at, 3), real, fake).allclose(full(6, 4f), 1e-5, 1e-5));
    }

    // A score of |at - real| must find every point between real and fake, one t for each example.
    [Fact]
    public void The_points_lie_between_real_and_fake()
    {
        manual_seed(3);
        Tensor real = zeros([200, 1, 2, 2]), fake = ones([200, 1, 2, 2]);
        Tensor? seen = null;
        Penalties.OnLines(at => { seen = at.detach(); return at.flatten(1).sum(1); }, real, fake);
        var t = seen!.flatten(1);
        Assert.True(t.std(dim: 1).max().item<float>() < 1e-6);                            // one t for all of an example
        Assert.InRange(t.min().item<float>(), 0, 0.05f);
        Assert.InRange(t.max().item<float>(), 0.95f, 1);
        Assert.True(t.select(1, 0).std().item<float>() > 0.2);                            // another for each example
    }

    [Fact]
    public void The_penalty_reaches_the_weights_through_both_gradients()
    {
        manual_seed(4);
        var layer = nn.Linear(3, 1, dtype: ScalarType.Float64);
        Tensor real = randn([4, 3], ScalarType.Float64), fake = randn([4, 3], ScalarType.Float64);
        Penalties.OnLines(at => layer.call(at).squeeze(1), real.unsqueeze(-1).unsqueeze(-1).flatten(1), fake).mean().backward();
        var w = layer.weight.detach();
        Assert.True(layer.weight.grad!.allclose(2 * (w.norm() - 1) * w / w.norm(), 1e-10, 1e-10));   // d/dw (|w| - 1)^2
    }
}
