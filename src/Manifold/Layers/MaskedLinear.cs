using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Parameter = TorchSharp.Modules.Parameter;

namespace Manifold.Layers;

/// <summary>A linear layer in which each output sees the inputs of a lower degree only, or of its own too; degrees in one set or in several, of which one counts at a time.</summary>
/// <remarks>Germain et al. 2015, MADE, https://arxiv.org/abs/1502.03509, equations 12 and 13.</remarks>
public sealed class MaskedLinear : Module<Tensor, Tensor>, IMultiplies
{
    private readonly Parameter weight;   // [out, in]
    private readonly Parameter bias;     // [out]
    private readonly Tensor masks;       // [sets, out, in], whether it sees

    /// <param name="inDegrees">For each set, of each input: its place in the order, from 1.</param>
    /// <param name="outDegrees">For each set, of each output.</param>
    /// <param name="strict">Whether an output sees only lower degrees: for the last layer.</param>
    public MaskedLinear(IReadOnlyList<IReadOnlyList<int>> inDegrees, IReadOnlyList<IReadOnlyList<int>> outDegrees, bool strict) : base(nameof(MaskedLinear))
    {
        (InDegrees, OutDegrees) = (inDegrees, outDegrees);
        using (NewDisposeScope())
        {
            masks = stack([.. inDegrees.Zip(outDegrees, (from, to) =>
            {
                Tensor seen = tensor(from.ToArray()).unsqueeze(0), seeing = tensor(to.ToArray()).unsqueeze(1);
                return strict ? seeing.gt(seen) : seeing.ge(seen);                           // m' > m, or m' >= m
            })]).MoveToOuterDisposeScope();
            var inputs = masks[0].sum([1], keepdim: true, type: ScalarType.Float32);         // that the first set's outputs see
            weight = nn.Parameter((randn(outDegrees[0].Count, inDegrees[0].Count) * inputs.clamp_min(1).rsqrt()).MoveToOuterDisposeScope());
        }
        bias = nn.Parameter(zeros(outDegrees[0].Count));
        register_parameter(nameof(weight), weight);
        register_parameter(nameof(bias), bias);
        register_buffer(nameof(masks), masks, persistent: false);
    }

    /// <summary>For each set, of each input: its place in the order, from 1.</summary>
    public IReadOnlyList<IReadOnlyList<int>> InDegrees { get; }

    /// <summary>For each set, of each output.</summary>
    public IReadOnlyList<IReadOnlyList<int>> OutDegrees { get; }

    /// <summary>Which set of degrees counts.</summary>
    public int Set { get; set; }

    /// <summary>[out].</summary>
    public Tensor Bias => bias;

    /// <summary>The weight that is multiplied with, [out, in].</summary>
    public Tensor Effective(int set) => weight * masks[set];

    public override Tensor forward(Tensor x) => functional.linear(x, Effective(Set), bias);   // [B, in] -> [B, out]

    public long MultiplyAdds(long[] input, long[] output) => input[0] * weight.numel();
}
