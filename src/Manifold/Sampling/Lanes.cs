using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Manifold.Layers;

namespace Manifold.Sampling;

/// <summary>Numbers that are computed side by side, one for each picture: the vectors of a processor, of whichever width.</summary>
/// <typeparam name="TSelf">The vector.</typeparam>
/// <typeparam name="T">float, or double to compare with.</typeparam>
internal interface ILanes<TSelf, T> where TSelf : struct, ILanes<TSelf, T> where T : unmanaged
{
    static abstract int Count { get; }
    static abstract TSelf Of(T value);
    static abstract TSelf Of(ReadOnlySpan<T> values);
    static abstract TSelf operator +(TSelf a, TSelf b);
    static abstract TSelf operator -(TSelf a, TSelf b);
    static abstract TSelf operator *(TSelf a, TSelf b);
    static abstract TSelf operator /(TSelf a, TSelf b);
    static abstract TSelf Fma(TSelf a, TSelf b, TSelf c);
    static abstract TSelf Min(TSelf a, TSelf b);
    static abstract TSelf Max(TSelf a, TSelf b);
    static abstract TSelf Exp(TSelf x);

    /// <summary>a where x is above 0, else b.</summary>
    static abstract TSelf WhereAbove(TSelf x, TSelf a, TSelf b);

    T this[int lane] { get; }
}

/// <summary>The widest vectors that .NET uses by itself: AVX2's 256 bits, or what the processor has.</summary>
internal readonly struct AutoLanes<T>(Vector<T> value) : ILanes<AutoLanes<T>, T> where T : unmanaged
{
    private readonly Vector<T> value = value;

    public static int Count => Vector<T>.Count;
    public T this[int lane] => value[lane];
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static AutoLanes<T> Of(T value) => new(new Vector<T>(value));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static AutoLanes<T> Of(ReadOnlySpan<T> values) => new(new Vector<T>(values));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static AutoLanes<T> operator +(AutoLanes<T> a, AutoLanes<T> b) => new(a.value + b.value);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static AutoLanes<T> operator -(AutoLanes<T> a, AutoLanes<T> b) => new(a.value - b.value);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static AutoLanes<T> operator *(AutoLanes<T> a, AutoLanes<T> b) => new(a.value * b.value);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static AutoLanes<T> operator /(AutoLanes<T> a, AutoLanes<T> b) => new(a.value / b.value);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static AutoLanes<T> Min(AutoLanes<T> a, AutoLanes<T> b) => new(Vector.Min(a.value, b.value));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static AutoLanes<T> Max(AutoLanes<T> a, AutoLanes<T> b) => new(Vector.Max(a.value, b.value));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static AutoLanes<T> WhereAbove(AutoLanes<T> x, AutoLanes<T> a, AutoLanes<T> b) => new(Vector.ConditionalSelect(Vector.GreaterThan(x.value, Vector<T>.Zero), a.value, b.value));

    // The branches on the type are gone once it is compiled.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AutoLanes<T> Fma(AutoLanes<T> a, AutoLanes<T> b, AutoLanes<T> c) => new(
        typeof(T) == typeof(float) ? Vector.FusedMultiplyAdd(a.value.As<T, float>(), b.value.As<T, float>(), c.value.As<T, float>()).As<float, T>()
        : Vector.FusedMultiplyAdd(a.value.As<T, double>(), b.value.As<T, double>(), c.value.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AutoLanes<T> Exp(AutoLanes<T> x) => new(typeof(T) == typeof(float) ? Vector.Exp(x.value.As<T, float>()).As<float, T>() : Vector.Exp(x.value.As<T, double>()).As<double, T>());
}

/// <summary>AVX-512's vectors, which .NET uses only where it is told to: twice the pictures for each weight that is read.</summary>
internal readonly struct WideLanes<T>(Vector512<T> value) : ILanes<WideLanes<T>, T> where T : unmanaged
{
    private readonly Vector512<T> value = value;

    public static int Count => Vector512<T>.Count;
    public T this[int lane] => value[lane];
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static WideLanes<T> Of(T value) => new(Vector512.Create(value));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static WideLanes<T> Of(ReadOnlySpan<T> values) => new(Vector512.Create(values));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static WideLanes<T> operator +(WideLanes<T> a, WideLanes<T> b) => new(a.value + b.value);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static WideLanes<T> operator -(WideLanes<T> a, WideLanes<T> b) => new(a.value - b.value);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static WideLanes<T> operator *(WideLanes<T> a, WideLanes<T> b) => new(a.value * b.value);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static WideLanes<T> operator /(WideLanes<T> a, WideLanes<T> b) => new(a.value / b.value);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static WideLanes<T> Min(WideLanes<T> a, WideLanes<T> b) => new(Vector512.Min(a.value, b.value));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static WideLanes<T> Max(WideLanes<T> a, WideLanes<T> b) => new(Vector512.Max(a.value, b.value));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static WideLanes<T> WhereAbove(WideLanes<T> x, WideLanes<T> a, WideLanes<T> b) => new(Vector512.ConditionalSelect(Vector512.GreaterThan(x.value, Vector512<T>.Zero), a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes<T> Fma(WideLanes<T> a, WideLanes<T> b, WideLanes<T> c) => new(
        typeof(T) == typeof(float) ? Vector512.FusedMultiplyAdd(a.value.AsSingle(), b.value.AsSingle(), c.value.AsSingle()).As<float, T>()
        : Vector512.FusedMultiplyAdd(a.value.AsDouble(), b.value.AsDouble(), c.value.AsDouble()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes<T> Exp(WideLanes<T> x) => new(typeof(T) == typeof(float) ? Vector512.Exp(x.value.AsSingle()).As<float, T>() : Vector512.Exp(x.value.AsDouble()).As<double, T>());
}

/// <summary>What is done with the sums of a place, for all pictures of a vector.</summary>
internal static class LaneEndings
{
    /// <summary>The ending of a place's sums, S vectors to as many as it makes of them.</summary>
    public static void Of<V, T>(Ending kind, ReadOnlySpan<V> x, Span<V> y) where V : struct, ILanes<V, T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        V tanhEnd = V.Of(T.CreateChecked(20)), end = V.Of(T.CreateChecked(40)), two = V.Of(T.CreateChecked(2)), one = V.Of(T.One), zero = V.Of(T.Zero);   // 0 or 1 to the last digit beyond the ends
        var half = x.Length / 2;
        switch (kind)
        {
            case Ending.TanhGate:
                for (var f = 0; f < half; f++)
                {
                    var twice = V.Exp(Limited<V, T>(x[f], tanhEnd) * two);                                      // e^(2a)
                    var minus = V.Exp(zero - Limited<V, T>(x[half + f], end));                                  // e^(-b)
                    y[f] = (twice - one) / ((twice + one) * (one + minus));                               // (e^2a - 1) / (e^2a + 1) 1 / (1 + e^-b)
                }
                break;
            case Ending.LinearGate:
                for (var f = 0; f < half; f++) y[f] = x[f] / (one + V.Exp(zero - Limited<V, T>(x[half + f], end)));
                break;
            case Ending.ConcatElu:
                for (var f = 0; f < x.Length; f++)
                {
                    var below = V.Exp(zero - V.Min(V.Max(x[f], zero - x[f]), end)) - one;                 // e^-|x| - 1: of the one of x and -x that is below 0
                    y[f] = V.WhereAbove(x[f], x[f], below);
                    y[x.Length + f] = V.WhereAbove(x[f], below, zero - x[f]);
                }
                break;
            case Ending.Elu:
                for (var f = 0; f < x.Length; f++) y[f] = V.WhereAbove(x[f], x[f], V.Exp(zero - V.Min(V.Max(x[f], zero - x[f]), end)) - one);
                break;
            case Ending.Relu:
                for (var f = 0; f < x.Length; f++) y[f] = V.Max(x[f], zero);
                break;
            default:
                x.CopyTo(y);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Limited<V, T>(V value, V limit) where V : struct, ILanes<V, T> where T : unmanaged, IBinaryFloatingPointIeee754<T> => V.Min(V.Max(value, V.Of(T.Zero) - limit), limit);
}
