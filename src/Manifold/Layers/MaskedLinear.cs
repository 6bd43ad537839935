using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Parameter = TorchSharp.Modules.Parameter;

namespace Manifold.Layers;

/// <summary>A linear layer in which each output sees the inputs of a lower degree only, or of its own too.</summary>
/// <remarks>Germain et al. 2015, MADE, https://arxiv.org/abs/1502.03509, equations 12 and 13.</remarks>
public sealed class MaskedLinear : Module<Tensor, Tensor>, IMultiplies
{
    private readonly Parameter weight;   // [out, in]
    private readonly Parameter bias;     // [out]
    private readonly Tensor mask;        // [out, in]

    /// <param name="inDegrees">Of each input: its place in the order, from 1.</param>
    /// <param name="outDegrees">Of each output.</param>
    /// <param name="strict">Whether an output sees only lower degrees: for the last layer.</param>
    public MaskedLinear(IReadOnlyList<int> inDegrees, IReadOnlyList<int> outDegrees, bool strict) : base(nameof(MaskedLinear))
    {
        (InDegrees, OutDegrees) = (inDegrees, outDegrees);
        using (NewDisposeScope())
        {
            Tensor from = tensor(inDegrees.ToArray()).unsqueeze(0), to = tensor(outDegrees.ToArray()).unsqueeze(1);
            mask = (strict ? to.gt(from) : to.ge(from)).to_type(ScalarType.Float32).MoveToOuterDisposeScope();   // 1 where m' > m, or m' >= m
            weight = nn.Parameter((randn(outDegrees.Count, inDegrees.Count) * mask.sum([1], keepdim: true).clamp_min(1).rsqrt()).MoveToOuterDisposeScope());
        }
        bias = nn.Parameter(zeros(outDegrees.Count));
        register_parameter(nameof(weight), weight);
        register_parameter(nameof(bias), bias);
        register_buffer(nameof(mask), mask, persistent: false);
    }

    /// <summary>Of each input: its place in the order, from 1.</summary>
    public IReadOnlyList<int> InDegrees { get; }

    /// <summary>Of each output.</summary>
    public IReadOnlyList<int> OutDegrees { get; }

    /// <summary>[out].</summary>
    public Tensor Bias => bias;

    /// <summary>The weight that is multiplied with, [out, in].</summary>
    public Tensor Effective() => weight * mask;

    public override Tensor forward(Tensor x) => functional.linear(x, Effective(), bias);     // [B, in] -> [B, out]

    public long MultiplyAdds(long[] input, long[] output) => input[0] * weight.numel();
}
