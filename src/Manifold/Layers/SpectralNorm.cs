using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Parameter = TorchSharp.Modules.Parameter;

namespace Manifold.Layers;

/// <summary>A weight divided by its largest singular value, which one step of the power iteration for each call in training keeps near.</summary>
/// <remarks>Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", https://arxiv.org/abs/1802.05957, algorithm 1. TorchSharp has none.</remarks>
internal static class SpectralNorm
{
    /// <summary>A starting direction, [outputs], of length 1.</summary>
    public static Tensor Direction(long outputs) => functional.normalize(randn(outputs), dim: 0);

    /// <summary>W / sigma(W).</summary>
    /// <param name="weight">[outputs, ...].</param>
    /// <param name="u">The left direction, [outputs], moved in place where <paramref name="move"/>.</param>
    public static Tensor Divided(Tensor weight, Tensor u, bool move)
    {
        var matrix = weight.flatten(1);                                       // [outputs, inputs]
        Tensor v, left;
        using (no_grad())
        {
            v = functional.normalize(matrix.t().mv(u), dim: 0);
            if (move) u.copy_(functional.normalize(matrix.mv(v), dim: 0));
            left = u.clone();                                                 // the graph keeps it, and the next call moves u
        }
        return weight / left.dot(matrix.mv(v));                               // sigma = u' W v
    }
}

/// <summary>A convolution whose kernel's largest singular value, as a matrix of outputs by inputs, is 1.</summary>
public sealed class SpectralConv2d : Module<Tensor, Tensor>, IMultiplies
{
    private readonly Parameter weight;
    private readonly Parameter bias;
    private readonly Tensor u;
    private readonly long stride, padding;

    public SpectralConv2d(long inChannels, long outChannels, long kernel, long stride, long padding) : base(nameof(SpectralConv2d))
    {
        (this.stride, this.padding) = (stride, padding);
        weight = nn.Parameter(empty([outChannels, inChannels, kernel, kernel]));
        bias = nn.Parameter(zeros([outChannels]));
        u = SpectralNorm.Direction(outChannels);
        init.kaiming_uniform_(weight, Math.Sqrt(5));
        register_parameter(nameof(weight), weight);
        register_parameter(nameof(bias), bias);
        register_buffer(nameof(u), u);
    }

    public override Tensor forward(Tensor x) =>
        functional.conv2d(x, SpectralNorm.Divided(weight, u, training), bias, strides: [stride, stride], padding: [padding, padding]);

    public long MultiplyAdds(long[] input, long[] output) => output.Aggregate(1L, (a, b) => a * b) * weight.shape[1] * weight.shape[2] * weight.shape[3];
}

/// <summary>A linear layer whose weight's largest singular value is 1.</summary>
public sealed class SpectralLinear : Module<Tensor, Tensor>, IMultiplies
{
    private readonly Parameter weight;
    private readonly Parameter bias;
    private readonly Tensor u;

    public SpectralLinear(long inputs, long outputs) : base(nameof(SpectralLinear))
    {
        weight = nn.Parameter(empty([outputs, inputs]));
        bias = nn.Parameter(zeros([outputs]));
        u = SpectralNorm.Direction(outputs);
        init.kaiming_uniform_(weight, Math.Sqrt(5));
        register_parameter(nameof(weight), weight);
        register_parameter(nameof(bias), bias);
        register_buffer(nameof(u), u);
    }

    public override Tensor forward(Tensor x) =>
        functional.linear(x, SpectralNorm.Divided(weight, u, training), bias);

    public long MultiplyAdds(long[] input, long[] output) => output.Aggregate(1L, (a, b) => a * b) * weight.shape[1];
}
