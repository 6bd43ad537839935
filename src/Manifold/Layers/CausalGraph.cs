using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Layers;

/// <summary>When the numbers of a node at a place can be known: as soon as the rows above it are drawn, or only once what is left of it is drawn too.</summary>
public enum Clock { Row, Pixel }

/// <summary>What is done with a node's sums.</summary>
public enum Ending
{
    None,
    Relu,
    Elu,

    /// <summary>elu of x and of -x, one after the other: twice as many features.</summary>
    ConcatElu,

    /// <summary>tanh(a) sigmoid(b), a and b the halves: half as many features.</summary>
    TanhGate,

    /// <summary>a sigmoid(b).</summary>
    LinearGate,
}

/// <summary>Endings, of maps, [B, F, ...].</summary>
public static class Endings
{
    public static Tensor Of(Ending kind, Tensor x, int axis = 1)
    {
        if (axis == 1 && FusedEnding.Of(kind, x) is { } fused) return fused;
        return kind switch
        {
            Ending.Relu => nn.functional.relu(x),
            Ending.Elu => nn.functional.elu(x, 1),
            Ending.ConcatElu => nn.functional.elu(cat([x, -x], axis), 1),
            Ending.TanhGate when x.chunk(2, axis) is [var a, var b] => a.tanh() * b.sigmoid(),
            Ending.LinearGate when x.chunk(2, axis) is [var a, var b] => a * b.sigmoid(),
            _ => x,
        };
    }

    /// <summary>Features that come of so many sums.</summary>
    public static int Features(Ending kind, int sums) => kind switch { Ending.ConcatElu => 2 * sums, Ending.TanhGate or Ending.LinearGate => sums / 2, _ => sums };
}

/// <summary>What a convolution multiplies at one place.</summary>
/// <param name="At">Rows and columns from the place to each input.</param>
/// <param name="Weight">[out, in, taps].</param>
public sealed record CausalTaps(IReadOnlyList<(int Row, int Column)> At, Tensor Weight);

/// <summary>A convolution that can be taken a place at a time.</summary>
public interface ICausalConvolution
{
    /// <summary>Output places to an input place, in each direction: 2 for a layer that makes maps larger.</summary>
    int Up => 1;

    /// <summary>Input places to an output place: 2 for a layer that makes maps smaller.</summary>
    int Down => 1;

    /// <summary>[out].</summary>
    Tensor Bias { get; }

    /// <summary>Taps by output place: number (row % Up) Up + column % Up. They are counted from input (row Down / Up, column Down / Up).</summary>
    IReadOnlyList<CausalTaps> Taps();
}

/// <summary>A part of a node's sums.</summary>
/// <param name="RowShift">Added to each tap's row: -1 for a convolution whose output is moved down a row.</param>
/// <param name="ColumnShift">Added to each tap's column.</param>
public sealed record CausalSum(CausalNode From, ICausalConvolution Through, int RowShift = 0, int ColumnShift = 0);

/// <summary>A map of a network of order: what it sums, and when it can be known.</summary>
/// <param name="Sums">How many numbers it sums at each place; its features are what the ending makes of them.</param>
public sealed record CausalNode(Clock Clock, int Sums)
{
    public IReadOnlyList<CausalSum> Convolutions { get; init; } = [];

    /// <summary>Nodes of the same size whose features are added to the sums.</summary>
    public IReadOnlyList<CausalNode> Adds { get; init; } = [];

    public Ending Ending { get; init; }

    /// <summary>Places of the picture to a place of the map, in each direction.</summary>
    public int Stride { get; init; } = 1;

    /// <summary>Rows and columns before this are zero.</summary>
    public (int Row, int Column) First { get; init; }

    /// <summary>Added to the sums whatever the picture: [B, Sums, 1, 1], or a map [B, Sums, H, W]; what a class or another picture says.</summary>
    public Tensor? Given { get; init; }

    public int Features => Endings.Features(Ending, Sums);

    public bool Equals(CausalNode? other) => ReferenceEquals(this, other);
    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
}

/// <summary>A network of order as a list of maps, so that it can be computed a place at a time with no work done twice.</summary>
/// <param name="Picture">What the network sees of the picture: its channels on [-1, 1], and ones.</param>
/// <param name="Nodes">Each after those that it is made of, the picture not among them; the last is what the network says.</param>
public sealed record CausalGraph(CausalNode Picture, IReadOnlyList<CausalNode> Nodes)
{
    /// <summary>Rows of a node that are looked at again: those that its readers' taps reach.</summary>
    public int RowsKept(CausalNode node) => 1 - Nodes.SelectMany(reader => reader.Convolutions).Where(sum => sum.From == node)
        .SelectMany(sum => sum.Through.Taps().SelectMany(taps => taps.At.Select(at => at.Row + sum.RowShift))).Append(0).Min();
}

/// <summary>Some inputs of a convolution: for inputs that lie in several maps.</summary>
/// <param name="withBias">Whether the whole's bias is this part's: one part has it.</param>
public sealed class PartOfInputs(ICausalConvolution whole, long start, long count, bool withBias) : ICausalConvolution
{
    public int Up => whole.Up;
    public int Down => whole.Down;
    public Tensor Bias => withBias ? whole.Bias : zeros_like(whole.Bias);
    public IReadOnlyList<CausalTaps> Taps() => [.. whole.Taps().Select(taps => taps with { Weight = taps.Weight.narrow(1, start, count) })];
}
