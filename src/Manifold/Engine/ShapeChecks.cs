using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Engine;

/// <summary>Checks at the public edge. A private method trusts its caller.</summary>
public static class ShapeChecks
{
    /// <summary>Throws unless <paramref name="x"/> has this shape; -1 allows any size in that place.</summary>
    /// <exception cref="ArgumentException">The message names the tensor, the shape it has and the shape it needs.</exception>
    public static Tensor ExpectShape(this Tensor x, ReadOnlySpan<long> expected, [CallerArgumentExpression(nameof(x))] string name = "x")
    {
        var fits = x.shape.Length == expected.Length;
        for (var i = 0; fits && i < expected.Length; i++) fits = expected[i] == -1 || expected[i] == x.shape[i];
        if (fits) return x;

        var wanted = string.Join(", ", expected.ToArray().Select((size, i) => size != -1 ? $"{size}" : i == 0 ? "B" : "any"));
        throw new ArgumentException($"{name} has shape [{string.Join(", ", x.shape)}]; expected [{wanted}].", name);
    }

    /// <summary>The most numbers of a tensor that is made by shape alone: 2 GB of float32.</summary>
    public const long MostNumbers = 1L << 29;

    /// <summary>Throws unless a tensor of this shape can be made; libtorch ends the process where its random numbers cannot.</summary>
    /// <param name="rows">Tensors of the shape that are wanted together.</param>
    /// <exception cref="ArgumentException">A size is negative, or all are too many; the message has the shape.</exception>
    public static void ExpectPossible(ReadOnlySpan<long> shape, long rows = 1)
    {
        var text = $"[{string.Join(", ", shape.ToArray())}]";
        Int128 numbers = rows;
        foreach (var size in shape)
        {
            if (size < 0) throw new ArgumentException($"shape is {text}; every size must be 0 or more.", nameof(shape));
            numbers = size == 0 ? 0 : Int128.Min(numbers, long.MaxValue) * size;
        }
        if (numbers > MostNumbers) throw new ArgumentException($"shape is {text}{(rows > 1 ? $", {rows:N0} times" : "")}; the most is {MostNumbers:N0} numbers. Make fewer at a time.", nameof(shape));
    }

    /// <summary>Throws unless the tensor has this type of numbers.</summary>
    /// <exception cref="ArgumentException">The message names the tensor, the type it has and those it needs.</exception>
    public static Tensor ExpectType(this Tensor x, ReadOnlySpan<ScalarType> types, [CallerArgumentExpression(nameof(x))] string name = "x") =>
        types.Contains(x.dtype) ? x : throw new ArgumentException($"{name} is {x.dtype}; expected {string.Join(" or ", types.ToArray())}.", name);

    /// <summary>Throws unless the tensor has real numbers, float32 or float64.</summary>
    /// <exception cref="ArgumentException">The message names the tensor and its type.</exception>
    public static Tensor ExpectReal(this Tensor x, [CallerArgumentExpression(nameof(x))] string name = "x") => x.ExpectType([ScalarType.Float32, ScalarType.Float64], name);
}
