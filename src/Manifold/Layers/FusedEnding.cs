using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Layers;

/// <summary>Gates and the doubled elu in one pass over memory, forward and backward: by libtorch's operations they take four to eight.</summary>
/// <remarks>float32 on the CPU, maps [B, C, H, W] in either layout; the activations are computed again for the gradient, and not kept.</remarks>
internal static class FusedEnding
{
    /// <summary>The ending of these maps; null if it is not to be had here.</summary>
    public static Tensor? Of(Ending kind, Tensor x)
    {
        if (kind is not (Ending.TanhGate or Ending.LinearGate or Ending.ConcatElu) || x.dtype != ScalarType.Float32 || x.device.type != DeviceType.CPU || x.dim() != 4) return null;
        if (!x.is_contiguous() && !MemoryFormat.IsChannelsLast(x)) return null;
        return is_grad_enabled() && x.requires_grad ? Function.apply(x, kind) : Forward(kind, x);
    }

    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => nameof(FusedEnding);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (x, kind) = ((Tensor)vars[0], (Ending)vars[1]);
            ctx.save_for_backward([x]);
            ctx.save_data("kind", kind);
            return Forward(kind, x);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
            [Backward((Ending)ctx.get_data("kind"), ctx.get_saved_variables()[0], grad_output), null!];
    }

    private static Tensor Forward(Ending kind, Tensor x)
    {
        var y = Like(x, kind == Ending.ConcatElu ? 2 * x.shape[1] : x.shape[1] / 2);
        Run(kind, x, y, null);
        return y;
    }

    private static Tensor Backward(Ending kind, Tensor x, Tensor gradient)
    {
        using var scope = NewDisposeScope();
        var result = Like(x, x.shape[1]);
        Run(kind, x, LiesLast(x) ? gradient.permute(0, 2, 3, 1).contiguous() : gradient.contiguous(), result);
        return result.MoveToOuterDisposeScope();
    }

    // One that lies both ways counts as the other.
    private static bool LiesLast(Tensor x) => !x.is_contiguous();

    private static Tensor Like(Tensor x, long channels) =>
        LiesLast(x) ? empty([x.shape[0], x.shape[2], x.shape[3], channels]).permute(0, 3, 1, 2) : empty([x.shape[0], channels, x.shape[2], x.shape[3]]);

    // Pieces of the halves lie one behind the other: [outer, 2, inner].
    private static unsafe void Run(Ending kind, Tensor x, Tensor y, Tensor? toX)
    {
        var isLast = LiesLast(x);
        var split = kind == Ending.ConcatElu ? 1 : 2;                                        // x has one piece or two; y has the other number
        var outer = isLast ? x.shape[0] * x.shape[2] * x.shape[3] : x.shape[0];
        var inner = (int)(x.shape[1] / split * (isLast ? 1 : x.shape[2] * x.shape[3]));
        nint from = Address(x), to = Address(y), back = toX is null ? 0 : Address(toX);
        var parts = (int)Math.Min(outer, Math.Max(1, get_num_threads()));
        void Part(int part)
        {
            for (var i = outer * part / parts; i < outer * (part + 1) / parts; i++)
            {
                var px = (float*)from + i * split * inner;
                var py = (float*)to + i * (3 - split) * inner;
                var pg = back == 0 ? null : (float*)back + i * split * inner;
                switch (kind)
                {
                    case Ending.TanhGate: Gate<Tanh>(px, py, pg, inner); break;
                    case Ending.LinearGate: Gate<Linear>(px, py, pg, inner); break;
                    default: Elus(px, py, pg, inner); break;
                }
            }
        }
        if (parts == 1 || outer * inner < 1 << 15) for (var part = 0; part < parts; part++) Part(part);
        else Parallel.For(0, parts, Part);
    }

    // Where the numbers lie; a tensor's bytes are only to be had of one that lies as its shape says.
    private static unsafe nint Address(Tensor x)
    {
        using var flat = x.is_contiguous() ? x.alias() : x.permute(0, 2, 3, 1);
        return (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(flat.bytes));
    }

    /// <summary>What is done with the first half before the sigmoid of the second multiplies it: its value, and its slope there.</summary>
    private interface IHalf
    {
        static abstract Vector<float> Value(Vector<float> a);
        static abstract Vector<float> Slope(Vector<float> value);
    }

    private readonly struct Tanh : IHalf
    {
        public static Vector<float> Value(Vector<float> a)
        {
            var twice = Vector.Exp(Vector.Min(Vector.Max(a, new(-10f)), new(10f)) * 2);      // e^(2a); 1 to the last digit beyond
            return (twice - Vector<float>.One) / (twice + Vector<float>.One);
        }

        public static Vector<float> Slope(Vector<float> value) => Vector<float>.One - value * value;
    }

    private readonly struct Linear : IHalf
    {
        public static Vector<float> Value(Vector<float> a) => a;
        public static Vector<float> Slope(Vector<float> value) => Vector<float>.One;
    }

    // y = f(a) s(b). Backward y is the gradient g of the result, and to a and b go g s f'(a) and g f(a) s (1 - s).
    private static unsafe void Gate<THalf>(float* x, float* y, float* toX, int n) where THalf : struct, IHalf
    {
        var width = Vector<float>.Count;
        float* buffer = stackalloc float[5 * width];
        for (var i = 0; i < n; i += width)
        {
            var rest = Math.Min(width, n - i);
            float* a = x + i, b = x + n + i, out0 = y + i, toA = toX + i, toB = toX + n + i;
            if (rest < width)                                                                // the last few by way of a buffer
            {
                Copy(a, buffer, rest);
                Copy(b, buffer + width, rest);
                if (toX != null) Copy(out0, buffer + 2 * width, rest);
                a = buffer;
                b = buffer + width;
                out0 = buffer + 2 * width;
                toA = buffer + 3 * width;
                toB = buffer + 4 * width;
            }
            var value = THalf.Value(Unsafe.ReadUnaligned<Vector<float>>(a));
            var sigmoid = Vector<float>.One / (Vector<float>.One + Vector.Exp(-Vector.Min(Vector.Max(Unsafe.ReadUnaligned<Vector<float>>(b), new(-80f)), new(80f))));
            if (toX == null) Unsafe.WriteUnaligned(out0, value * sigmoid);
            else
            {
                var g = Unsafe.ReadUnaligned<Vector<float>>(out0) * sigmoid;
                Unsafe.WriteUnaligned(toA, g * THalf.Slope(value));
                Unsafe.WriteUnaligned(toB, g * value * (Vector<float>.One - sigmoid));
            }
            if (rest == width) continue;
            if (toX == null) Copy(out0, y + i, rest);
            else
            {
                Copy(toA, toX + i, rest);
                Copy(toB, toX + n + i, rest);
            }
        }
    }

    // y = elu(x), elu(-x). Backward, with e the exponential of minus the size of x: (g1, -e g2) added where x is above 0, else (e g1, -g2).
    private static unsafe void Elus(float* x, float* y, float* toX, int n)
    {
        var width = Vector<float>.Count;
        float* buffer = stackalloc float[4 * width];
        for (var i = 0; i < n; i += width)
        {
            var rest = Math.Min(width, n - i);
            float* source = x + i, up = y + i, down = y + n + i, back = toX + i;
            if (rest < width)
            {
                Copy(source, buffer, rest);
                if (toX != null)
                {
                    Copy(up, buffer + width, rest);
                    Copy(down, buffer + 2 * width, rest);
                }
                source = buffer;
                up = buffer + width;
                down = buffer + 2 * width;
                back = buffer + 3 * width;
            }
            var value = Unsafe.ReadUnaligned<Vector<float>>(source);
            var small = Vector.Exp(-Vector.Min(Vector.Abs(value), new(80f)));
            var isUp = Vector.GreaterThan(value, Vector<float>.Zero);
            if (toX == null)
            {
                var below = small - Vector<float>.One;
                Unsafe.WriteUnaligned(up, Vector.ConditionalSelect(isUp, value, below));
                Unsafe.WriteUnaligned(down, Vector.ConditionalSelect(isUp, below, -value));
            }
            else
            {
                Vector<float> g1 = Unsafe.ReadUnaligned<Vector<float>>(up), g2 = Unsafe.ReadUnaligned<Vector<float>>(down);
                Unsafe.WriteUnaligned(back, Vector.ConditionalSelect(isUp, g1 - small * g2, small * g1 - g2));
            }
            if (rest == width) continue;
            if (toX != null) Copy(back, toX + i, rest);
            else
            {
                Copy(up, y + i, rest);
                Copy(down, y + n + i, rest);
            }
        }
    }

    private static unsafe void Copy(float* from, float* to, int count) => new ReadOnlySpan<float>(from, count).CopyTo(new Span<float>(to, count));
}
