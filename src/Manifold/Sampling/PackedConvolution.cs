using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Sampling;

/// <summary>A convolution at one place for several pictures at once, a picture in each lane of a vector: weights laid out as they are read, eight outputs at a time.</summary>
/// <typeparam name="V">The vectors.</typeparam>
/// <typeparam name="T">float or double.</typeparam>
internal sealed class PackedConvolution<V, T> where V : struct, ILanes<V, T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int Block = 8;                     // outputs whose sums stay in registers; as many chains of additions as two units with a latency of four need

    private readonly T[] weights;                    // [blocks, taps, inputs, 8]
    private readonly int blocks, inputs;

    public PackedConvolution(CausalTaps taps)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var (outputs, count) = ((int)taps.Weight.shape[0], taps.At.Count);
        (inputs, blocks, Taps) = ((int)taps.Weight.shape[1], (outputs + Block - 1) / Block, [.. taps.At]);
        var values = taps.Weight.to_type(ScalarType.Float64).cpu().contiguous().data<double>().ToArray();                       // [out, in, taps]
        weights = new T[blocks * count * inputs * Block];
        for (var o = 0; o < outputs; o++)
            for (var t = 0; t < count; t++)
                for (var i = 0; i < inputs; i++)
                    weights[((o / Block * count + t) * inputs + i) * Block + o % Block] = T.CreateChecked(values[(o * inputs + i) * count + t]);
    }

    /// <summary>Rows and columns from the place to what each tap sees.</summary>
    public (int Row, int Column)[] Taps { get; }

    /// <summary>Outputs, rounded up to a multiple of eight; those that are too many get nothing.</summary>
    public int Outputs => blocks * Block;

    /// <summary>Sums for so many outputs, in whole blocks.</summary>
    public static int Rounded(int outputs) => (outputs + Block - 1) / Block * Block;

    /// <summary>Multiply-adds for one pixel of one picture.</summary>
    public long MultiplyAdds => (long)blocks * Block * Taps.Length * inputs;

    /// <summary>y += w x.</summary>
    /// <param name="y">Outputs vectors.</param>
    /// <param name="x">Where the taps' inputs are.</param>
    /// <param name="at">For each tap where its inputs begin in <paramref name="x"/>; below 0 for a tap beyond the border, which sees zeros.</param>
    public void Add(Span<V> y, ReadOnlySpan<V> x, ReadOnlySpan<int> at)
    {
        if (y.Length < Outputs || at.Length != Taps.Length) throw new ArgumentException("y or at does not fit the convolution.");
        foreach (var start in at) if (start >= 0 && start + inputs > x.Length) throw new ArgumentOutOfRangeException(nameof(at));
        ref var w = ref MemoryMarshal.GetArrayDataReference(weights);
        ref var x0 = ref MemoryMarshal.GetReference(x);
        for (var block = 0; block < blocks; block++)
        {
            ref var sum = ref y[block * Block];
            V a0 = sum, a1 = Unsafe.Add(ref sum, 1), a2 = Unsafe.Add(ref sum, 2), a3 = Unsafe.Add(ref sum, 3);
            V a4 = Unsafe.Add(ref sum, 4), a5 = Unsafe.Add(ref sum, 5), a6 = Unsafe.Add(ref sum, 6), a7 = Unsafe.Add(ref sum, 7);
            foreach (var start in at)
            {
                if (start < 0)
                {
                    w = ref Unsafe.Add(ref w, inputs * Block);
                    continue;
                }
                ref var input = ref Unsafe.Add(ref x0, start);
                for (var i = 0; i < inputs; i++)
                {
                    var value = Unsafe.Add(ref input, i);
                    a0 = V.Fma(V.Of(w), value, a0);
                    a1 = V.Fma(V.Of(Unsafe.Add(ref w, 1)), value, a1);
                    a2 = V.Fma(V.Of(Unsafe.Add(ref w, 2)), value, a2);
                    a3 = V.Fma(V.Of(Unsafe.Add(ref w, 3)), value, a3);
                    a4 = V.Fma(V.Of(Unsafe.Add(ref w, 4)), value, a4);
                    a5 = V.Fma(V.Of(Unsafe.Add(ref w, 5)), value, a5);
                    a6 = V.Fma(V.Of(Unsafe.Add(ref w, 6)), value, a6);
                    a7 = V.Fma(V.Of(Unsafe.Add(ref w, 7)), value, a7);
                    w = ref Unsafe.Add(ref w, Block);
                }
            }
            sum = a0;
            Unsafe.Add(ref sum, 1) = a1;
            Unsafe.Add(ref sum, 2) = a2;
            Unsafe.Add(ref sum, 3) = a3;
            Unsafe.Add(ref sum, 4) = a4;
            Unsafe.Add(ref sum, 5) = a5;
            Unsafe.Add(ref sum, 6) = a6;
            Unsafe.Add(ref sum, 7) = a7;
        }
    }
}
