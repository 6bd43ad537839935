using Manifold.Checkpoints;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Tests.Engine;

/// <summary>
/// The engine as a model uses it, in one piece: convolutions, batch normalization and a linear layer, channels_last, with our
/// optimizer, saved and loaded, and a gradient penalty, which differentiates twice. All against the same in double precision and
/// the common layout. Two failures that say nothing were seen here: moments that lie otherwise than their parameter, and flat
/// gradient buffers that a second backward pass never fills.
/// </summary>
public class ProbeTests
{
    private sealed class Probe : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor> features, score;

        public Probe() : base(nameof(Probe))
        {
            features = Sequential(
                Conv2d(3, 8, 3, stride: 2, padding: 1, bias: false), BatchNorm2d(8), SiLU(),     // a bias before a normalization has no gradient but rounding,
                Conv2d(8, 16, 3, padding: 1, bias: false), BatchNorm2d(16), SiLU());             // which Adam would make as large as any other
            score = Linear(16 * 4 * 4, 1);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => score.call(features.call(x).flatten(1)).squeeze(1);   // [B, 3, 8, 8] to [B]
    }

    private static Probe Make(bool channelsLast, ScalarType type)
    {
        manual_seed(11);
        Probe network = new();
        network.to(type);
        return channelsLast ? network.ToChannelsLast() : network;
    }

    private static Tensor Pictures(ScalarType type, int seed)
    {
        manual_seed(seed);
        return randn(6, 3, 8, 8, dtype: ScalarType.Float64).to(type);
    }

    private static Optimizer Adam(Module network) => Optimizer.Create(new OptimizerSettings { Beta1 = 0.5 }, network.named_parameters());

    // Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, equation 3: lambda (|grad_x D(x)| - 1)^2.
    private static void Step(Module<Tensor, Tensor> network, Optimizer optimizer, Tensor pictures, bool penalty)
    {
        using var scope = NewDisposeScope();
        var x = pictures.detach().requires_grad_(penalty);
        var scores = network.call(x);
        var loss = scores.square().mean();
        if (penalty)
        {
            var gradient = autograd.grad([scores.sum()], [x], retain_graph: true, create_graph: true)[0];                        // [B, 3, 8, 8]
            loss += 10 * (gradient.flatten(1).norm(1) - 1).square().mean();
        }
        optimizer.ZeroGrad();
        loss.backward();
        optimizer.Step(1e-3);
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public void Training_channels_last_is_training(bool penalty)
    {
        using var scope = NewDisposeScope();
        Probe fast = Make(true, ScalarType.Float32), exact = Make(false, ScalarType.Float64);
        Optimizer optimizer = Adam(fast), exactOptimizer = Adam(exact);
        for (var t = 0; t < 5; t++)
        {
            Step(fast, optimizer, Pictures(ScalarType.Float32, t), penalty);
            Step(exact, exactOptimizer, Pictures(ScalarType.Float64, t), penalty);
        }

        Assert.All(fast.named_parameters().Where(p => p.parameter.Dimensions == 4), p => Assert.True(MemoryFormat.IsChannelsLast(p.parameter), p.name));
        Assert.Equal(2, fast.named_parameters().Count(p => p.parameter.Dimensions == 4));
        // Five steps of 1e-3 each: a parameter that was stepped wrongly is 1e-3 off, and rounding is not.
        foreach (var (a, b) in fast.state_dict().Zip(exact.state_dict())) AssertClose(b.Value, a.Value, 5e-5, a.Key);
    }

    [Fact]
    public void What_was_saved_goes_on_as_what_was_not()
    {
        using var scope = NewDisposeScope();
        Probe straight = Make(true, ScalarType.Float32), again = Make(true, ScalarType.Float32);
        Optimizer optimizer = Adam(straight), other = Adam(again);
        for (var t = 0; t < 3; t++) Step(straight, optimizer, Pictures(ScalarType.Float32, t), penalty: true);

        manual_seed(99);
        using (no_grad()) foreach (var parameter in again.parameters()) parameter.normal_();
        SafeTensors.ReadInto(SafeTensors.Write(straight.state_dict()), again.state_dict(), "network");
        SafeTensors.ReadInto(SafeTensors.Write(optimizer.State), other.State, "optimizer");
        Assert.All(again.parameters().Where(p => p.Dimensions == 4), p => Assert.True(MemoryFormat.IsChannelsLast(p)));

        Step(straight, optimizer, Pictures(ScalarType.Float32, 3), penalty: true);
        Step(again, other, Pictures(ScalarType.Float32, 3), penalty: true);
        Assert.Equal(SafeTensors.Write(straight.state_dict()), SafeTensors.Write(again.state_dict()));
        Assert.Equal(SafeTensors.Write(optimizer.State), SafeTensors.Write(other.State));
    }

    // What makes it enough to lay the kernels: an input in the common layout comes out channels_last, and stays so.
    [Fact]
    public void A_convolution_takes_the_layout_of_its_kernel()
    {
        using var scope = NewDisposeScope();
        var network = Sequential(Conv2d(3, 8, 3, padding: 1), BatchNorm2d(8), ReLU(), Conv2d(8, 4, 3, padding: 1)).ToChannelsLast();
        var x = randn(2, 3, 5, 5);
        Assert.False(MemoryFormat.IsChannelsLast(x));
        Assert.True(MemoryFormat.IsChannelsLast(network.call(x)));
    }

    private static void AssertClose(Tensor expected, Tensor actual, double tolerance, string what)
    {
        var off = (expected.to(ScalarType.Float64) - actual.to(ScalarType.Float64)).abs().max().item<double>();
        Assert.True(off <= tolerance, $"{what} is off by {off}");
    }
}
