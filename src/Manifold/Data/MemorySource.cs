using System.Runtime.InteropServices;

namespace Manifold.Data;

/// <summary>Pictures of one shape that lie decoded in memory, one after another, or points of the plane. Reading is safe from several threads.</summary>
public sealed class MemorySource
{
    private readonly string name;
    private readonly byte[] pixels;
    private readonly float[]? points;

    public MemorySource(string name, PictureShape shape, byte[] pixels, IReadOnlyList<int>? labels) => (this.name, Shape, this.pixels, Labels) = (name, shape, pixels, labels);

    /// <param name="points">x and y of one after another.</param>
    internal MemorySource(string name, float[] points, IReadOnlyList<int>? labels) => (this.name, Shape, pixels, this.points, Labels) = (name, new PictureShape(2, 1, 1), [], points, labels);

    public PictureShape Shape { get; }

    /// <summary>What is to be said of how the file was read; null for nothing.</summary>
    internal string? Note { get; init; }

    public int Count => (points?.Length ?? pixels.Length) / Shape.Dims;

    /// <summary>Class numbers, one for each picture; null where there are none.</summary>
    public IReadOnlyList<int>? Labels { get; }

    /// <summary>Where a picture came from, for messages.</summary>
    public string NameOf(int index) => $"{name}, picture {index}";

    /// <summary>Copies a picture's bytes, channel by channel, row by row.</summary>
    /// <param name="target">Shape.Dims bytes.</param>
    public void Read(int index, Span<byte> target) => pixels.AsSpan(index * Shape.Dims, Shape.Dims).CopyTo(target);

    /// <summary>A point, which has no bytes and no range; empty where the source is of pictures.</summary>
    internal ReadOnlySpan<float> Point(int index) => points is null ? [] : points.AsSpan(index * Shape.Dims, Shape.Dims);

    /// <summary>Everything, one after another.</summary>
    internal ReadOnlySpan<byte> Bytes => points is null ? pixels : MemoryMarshal.AsBytes(points.AsSpan());
}
