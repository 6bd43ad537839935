using System.Buffers.Binary;
using System.IO.Compression;

namespace Manifold.Data;

/// <summary>The idx format of MNIST: big-endian; 0 0 8 and the number of axes, one 32-bit size for each, then the bytes. Plain or gzip.</summary>
public static class Idx
{
    private const uint LargestAxis = 1 << 30;

    /// <summary>Reads a file of bytes with these many axes at most.</summary>
    /// <returns>The sizes of the axes, and the bytes in row-major order.</returns>
    /// <exception cref="DataException">It is no such file, or its length is not what its header says.</exception>
    public static (int[] Sizes, byte[] Values) Read(string path) => Parse(Unpacked.Read(path), path);

    /// <inheritdoc cref="Read(string)"/>
    public static (int[] Sizes, byte[] Values) Read(Stream stream, string path) => Parse(Unpacked.Read(stream, path), path);

    private static (int[] Sizes, byte[] Values) Parse(byte[] bytes, string path)
    {
        if (bytes.Length < 4 || bytes[0] != 0 || bytes[1] != 0 || bytes[2] != 8)
            throw new DataException($"{path} begins with {Convert.ToHexString(bytes.AsSpan(0, Math.Min(4, bytes.Length)))}; an idx file of bytes begins with 000008 and its number of axes.");
        var axes = bytes[3];
        if (axes is 0 or > 4 || bytes.Length < 4 + 4 * axes) throw new DataException($"{path} says that it has {axes} axes; expected 1 to 4 and their sizes.");

        var sizes = new int[axes];
        var total = 1L;
        for (var axis = 0; axis < axes; axis++)
        {
            var size = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(4 + 4 * axis));
            if (size > LargestAxis) throw new DataException($"{path} says that axis {axis} has {size:N0} entries, more than a file here may hold.");
            sizes[axis] = (int)size;
            total = Math.Min(total * size, long.MaxValue >> 32);   // stays comparable whatever the header claims
        }
        if (total != bytes.Length - 4 - 4 * axes)
            throw new DataException($"{path} holds {bytes.Length - 4 - 4 * axes:N0} values; its header says [{string.Join(", ", sizes)}]. It may be cut short: get it again.");
        return (sizes, bytes[(4 + 4 * axes)..]);
    }

    /// <summary>Writes an idx file of bytes, gzip or Brotli if the name ends in .gz or .br.</summary>
    public static void Write(string path, int[] sizes, ReadOnlySpan<byte> values)
    {
        using var file = File.Create(path);
        using Stream target = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionLevel.SmallestSize)
            : path.EndsWith(".br", StringComparison.Ordinal) ? new BrotliStream(file, CompressionLevel.SmallestSize) : file;
        Span<byte> number = stackalloc byte[4];
        target.Write([0, 0, 8, (byte)sizes.Length]);
        foreach (var size in sizes)
        {
            BinaryPrimitives.WriteInt32BigEndian(number, size);
            target.Write(number);
        }
        target.Write(values);
    }

    /// <summary>Pictures with the labels beside them, if there are any: images-idx3 becomes labels-idx1 in the name.</summary>
    /// <exception cref="DataException">A file is broken, or there are not as many labels as pictures.</exception>
    public static MemorySource Pictures(string path)
    {
        var labels = LabelsOf(path);
        return Pictures(Read(path), path, labels is null ? null : Read(labels), labels ?? "");
    }

    /// <summary>The file beside this one that holds its labels, or null.</summary>
    internal static string? LabelsOf(string path)
    {
        var name = Path.GetFileName(path);
        var labels = name.Replace("images", "labels").Replace("idx3", "idx1").Replace("idx4", "idx1");
        var beside = Path.Combine(Path.GetDirectoryName(path) ?? "", labels);
        return labels != name && File.Exists(beside) ? beside : null;
    }

    /// <summary>The same from what was read already.</summary>
    public static MemorySource Pictures((int[] Sizes, byte[] Values) images, string path, (int[] Sizes, byte[] Values)? labels, string labelPath)
    {
        var shape = images.Sizes switch
        {
            [_, var h, var w] => new PictureShape(1, h, w),
            [_, var c and (1 or 3), var h, var w] => new PictureShape(c, h, w),
            _ => throw new DataException($"{path} has shape [{string.Join(", ", images.Sizes)}]; pictures need [N, H, W] or [N, 1 or 3, H, W]."),
        };
        if (images.Values.Length == 0) throw new DataException($"{path} has shape [{string.Join(", ", images.Sizes)}]: there is no picture in it.");
        if (labels is { } l && (l.Sizes.Length != 1 || l.Sizes[0] != images.Sizes[0]))
            throw new DataException($"{labelPath} has shape [{string.Join(", ", l.Sizes)}]; {path} has {images.Sizes[0]} pictures and needs [{images.Sizes[0]}].");
        return new MemorySource(path, shape, images.Values, labels?.Values.Select(value => (int)value).ToArray());
    }
}
