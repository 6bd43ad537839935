using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Parameter = TorchSharp.Modules.Parameter;

namespace Manifold.Layers;

/// <summary>Which columns a shifted convolution looks at; rows are always one's own and those above it.</summary>
public enum Reach
{
    /// <summary>As many on the left as on the right: for maps that know whole rows.</summary>
    Sides,

    /// <summary>One's own and those on the left.</summary>
    Left,
}

/// <summary>How a shifted convolution changes the size of a map.</summary>
public enum Scaling { Same, Half, Double }

/// <summary>A convolution that looks up and to the sides, or up and left, by where it is put and not by a mask; its weight is normed.</summary>
/// <remarks>
/// Salimans et al. 2017, PixelCNN++, https://arxiv.org/abs/1701.05517, and its published code. Weight norm with a start from the data:
/// Salimans and Kingma 2016, https://arxiv.org/abs/1602.07868.
/// </remarks>
public sealed class ShiftedConv2d : Module<Tensor, Tensor>, IMultiplies, ICausalConvolution
{
    private readonly Parameter weight;   // [out, in, rows, columns]; [in, out, rows, columns] where it doubles
    private readonly Parameter gain;     // [out], the length of each output's weight
    private readonly Parameter bias;     // [out]
    private readonly Reach reach;
    private readonly Scaling scaling;
    private readonly double start;
    private readonly int rows, columns;

    /// <param name="start">Deviation that an output has at the start, over the first batch.</param>
    public ShiftedConv2d(long inputs, long outputs, int rows, int columns, Reach reach, Scaling scaling = Scaling.Same, double start = 1) : base(nameof(ShiftedConv2d))
    {
        (this.reach, this.scaling, this.start, this.rows, this.columns) = (reach, scaling, start, rows, columns);
        weight = nn.Parameter(randn(scaling == Scaling.Double ? [inputs, outputs, rows, columns] : [outputs, inputs, rows, columns]) * 0.05);
        gain = nn.Parameter(ones(outputs));
        bias = nn.Parameter(zeros(outputs));
        register_parameter(nameof(weight), weight);
        register_parameter(nameof(gain), gain);
        register_parameter(nameof(bias), bias);
    }

    public int Up => scaling == Scaling.Double ? 2 : 1;
    public int Down => scaling == Scaling.Half ? 2 : 1;
    public Tensor Bias => bias;

    /// <summary>Whether the next pass sets gain and bias so that every output has mean 0 and the deviation of the start.</summary>
    public bool IsStarting { get; set; }

    // An output that hardly varies over the first batch, as at the borders of a black picture alone, says nothing of how it varies on other pictures:
    // to bring it to the deviation of the start would blow up whatever comes later. Drawings and photographs stay above a share of 0.05 of the inputs' size.
    private const double LeastShare = 0.02, LeastDeviation = 0.01;

    private int Before => reach == Reach.Sides ? (columns - 1) / 2 : columns - 1;
    private int OutAxis => scaling == Scaling.Double ? 1 : 0;

    // w = g v / |v|, as the weight.
    private Tensor Effective()
    {
        long[] others = OutAxis == 0 ? [1, 2, 3] : [0, 2, 3], shape = OutAxis == 0 ? [-1, 1, 1, 1] : [1, -1, 1, 1];
        return weight * (gain.view(shape) * (weight.square().sum(others, keepdim: true) + 1e-12).rsqrt());
    }

    /// <summary>[B, in, H, W] to [B, out, H, W], to half of it, rounded up, or to twice of it.</summary>
    public override Tensor forward(Tensor x)
    {
        if (IsStarting) SetStart(x);
        return Convolved(x, bias);
    }

    private Tensor Convolved(Tensor x, Tensor? bias)
    {
        if (scaling == Scaling.Double)
        {
            var spread = functional.conv_transpose2d(x, Effective(), bias, strides: [2, 2]);              // [B, out, 2 (H - 1) + rows, 2 (W - 1) + columns]
            var first = reach == Reach.Sides ? (columns - 1) / 2 : 0;
            return spread.narrow(2, 0, 2 * x.shape[2]).narrow(3, first, 2 * x.shape[3]);
        }
        var padded = rows == 1 && columns == 1 ? x : functional.pad(x, [Before, columns - 1 - Before, rows - 1, 0]);
        return functional.conv2d(padded, Effective(), bias, strides: [Down, Down]);
    }

    private void SetStart(Tensor x)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        gain.fill_(1);
        var y = Convolved(x, null);
        var size = x.square().mean().sqrt().to_type(ScalarType.Float32).item<float>();
        var (mean, deviation) = (y.mean([0, 2, 3]), (y.var([0, 2, 3], unbiased: false) + 1e-10).sqrt().clamp_min(Math.Max(LeastShare * size, LeastDeviation)));
        gain.copy_(start / deviation);
        bias.copy_(-mean * start / deviation);
        IsStarting = false;
    }

    public IReadOnlyList<CausalTaps> Taps()
    {
        var w = scaling == Scaling.Double ? Effective().transpose(0, 1) : Effective();              // [out, in, rows, columns]
        if (scaling != Scaling.Double)
            return [new CausalTaps([.. from r in Enumerable.Range(0, rows) from c in Enumerable.Range(0, columns) select (r - rows + 1, c - Before)], w.flatten(2))];
        // Output (r, c) gets tap (i, j) of input ((r - i) / 2, (c + first - j) / 2), where these are whole.
        var first = reach == Reach.Sides ? (columns - 1) / 2 : 0;
        return
        [
            .. from rowPhase in Enumerable.Range(0, 2)
               from columnPhase in Enumerable.Range(0, 2)
               let taps = (from i in Enumerable.Range(0, rows) from j in Enumerable.Range(0, columns)
                           where (rowPhase - i) % 2 == 0 && (columnPhase + first - j) % 2 == 0 select (i, j)).ToArray()
               select new CausalTaps([.. taps.Select(tap => ((rowPhase - tap.i) / 2, (columnPhase + first - tap.j) / 2))],
                   w.flatten(2).index_select(2, tensor(taps.Select(tap => (long)(tap.i * columns + tap.j)).ToArray(), device: w.device))),
        ];
    }

    public long MultiplyAdds(long[] input, long[] output) =>
        (scaling == Scaling.Double ? input : output).Aggregate(1L, (a, b) => a * b) * (weight.numel() / weight.shape[0]);
}
