namespace Manifold.Data;

/// <summary>Pictures of one shape that lie decoded in memory, one after another. Reading is safe from several threads.</summary>
public sealed class MemorySource(string name, PictureShape shape, byte[] pixels, IReadOnlyList<int>? labels)
{
    public PictureShape Shape => shape;
    public int Count => pixels.Length / shape.Dims;

    /// <summary>Class numbers, one for each picture; null where there are none.</summary>
    public IReadOnlyList<int>? Labels => labels;

    /// <summary>Where a picture came from, for messages.</summary>
    public string NameOf(int index) => $"{name}, picture {index}";

    /// <summary>Copies a picture's bytes, channel by channel, row by row.</summary>
    /// <param name="target">Shape.Dims bytes.</param>
    public void Read(int index, Span<byte> target) => pixels.AsSpan(index * shape.Dims, shape.Dims).CopyTo(target);

    /// <summary>All pictures, one after another.</summary>
    internal ReadOnlySpan<byte> Bytes => pixels;
}
