using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Layers;

public class SpectralNormTests
{
    [Fact]
    public void The_weight_that_acts_has_a_largest_singular_value_of_one()
    {
        manual_seed(1);
        using var layer = new SpectralConv2d(3, 8, 4, 2, 1);
        var x = randn(2, 3, 8, 8);
        using (no_grad()) for (var i = 0; i < 60; i++) layer.call(x);
        var weight = layer.get_parameter("weight")!.detach().flatten(1);
        var sigma = linalg.svdvals(weight).max();
        layer.eval();
        var expected = nn.functional.conv2d(x, (weight / sigma).view(8, 3, 4, 4), layer.get_parameter("bias"), strides: [2, 2], padding: [1, 1]);
        Assert.True(layer.call(x).allclose(expected, 1e-4, 1e-5));
    }

    [Fact]
    public void Evaluation_leaves_the_direction_and_training_moves_it()
    {
        manual_seed(2);
        using var layer = new SpectralLinear(6, 5);
        var u = layer.get_buffer("u")!;
        var before = u.clone();
        layer.eval();
        layer.call(randn(2, 6));
        Assert.True(u.equal(before).all().item<bool>());
        layer.train();
        layer.call(randn(2, 6));
        Assert.False(u.equal(before).all().item<bool>());
        Assert.Equal(1, u.norm().item<float>(), 1e-5);
    }

    // d sigma / d W = u v': the gradient of |W / sigma|_F^2 is orthogonal to W, since scaling W changes nothing.
    [Fact]
    public void The_length_of_the_weight_has_no_gradient()
    {
        manual_seed(3);
        using var layer = new SpectralLinear(6, 5);
        var x = randn(20, 6);
        layer.call(x).square().sum().backward();
        var weight = layer.get_parameter("weight")!;
        Assert.True(weight.grad!.norm().item<float>() > 0.1);
        Assert.True(Math.Abs((weight.grad * weight).sum().item<float>()) < 1e-3);
    }
}
