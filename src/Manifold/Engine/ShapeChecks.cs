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
}
