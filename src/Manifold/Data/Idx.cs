using System.Buffers.Binary;
using System.IO.Compression;
using System.Text.RegularExpressions;

namespace Manifold.Data;

/// <summary>The idx format of MNIST: big-endian; 0 0 8 and the number of axes, one 32-bit size for each, then the bytes. Plain, gzip or Brotli.</summary>
public static partial class Idx
{
    private const uint LargestAxis = 1 << 30;

    /// <summary>Reads a file of bytes.</summary>
    /// <returns>The sizes of the axes, and the bytes in row-major order.</returns>
    /// <exception cref="DataException">It is no such file, its length is not what its header says, or it is too large.</exception>
    public static (int[] Sizes, byte[] Values) Read(string path)
    {
        using var bytes = Unpacked.Open(path);
        return Read(bytes, path);
    }

    private static (int[] Sizes, byte[] Values) Read(Unpacked bytes, string path)
    {
        var (sizes, total) = Header(bytes, path);
        if (total > DecodedLimit.Bytes) throw new DataException($"{path} says that it holds {total:N0} values; the limit is {DecodedLimit.Bytes:N0}.");
        var values = new byte[total];
        Expect(total, bytes.Fill(values), bytes, sizes, path);
        return (sizes, values);
    }

    // What the header says is held against the file's length before memory is taken for it.
    private static (int[] Sizes, long Total) Header(Unpacked bytes, string path)
    {
        Span<byte> start = stackalloc byte[4];
        var n = bytes.Fill(start);
        if (n < 4 || start[0] != 0 || start[1] != 0 || start[2] != 8)
            throw new DataException($"{path} begins with {Convert.ToHexString(start[..n])}; an idx file of bytes begins with 000008 and its number of axes.");
        var axes = start[3];
        Span<byte> numbers = stackalloc byte[4 * Math.Min(axes, (byte)4)];
        if (axes is 0 or > 4 || bytes.Fill(numbers) < numbers.Length) throw new DataException($"{path} says that it has {axes} axes; expected 1 to 4 and their sizes.");

        var sizes = new int[axes];
        var total = (Int128)1;                                      // four sizes of 2^30 and more
        for (var axis = 0; axis < axes; axis++)
        {
            var size = BinaryPrimitives.ReadUInt32BigEndian(numbers[(4 * axis)..]);
            if (size > LargestAxis) throw new DataException($"{path} says that axis {axis} has {size:N0} entries, more than a file here may hold.");
            sizes[axis] = (int)size;
            total *= size;
        }
        var most = bytes.Most - (bytes.IsPacked ? 0 : 4 + 4 * axes);
        if (total > most) throw CutShort(path, bytes.IsPacked ? $"at most {most:N0}" : $"{most:N0}", sizes);
        return (sizes, (long)total);
    }

    private static void Expect(long total, long read, Unpacked bytes, int[] sizes, string path)
    {
        if (read < total) throw CutShort(path, $"{read:N0}", sizes);
        if (!bytes.IsAtEnd()) throw CutShort(path, $"more than {total:N0}", sizes);
    }

    private static DataException CutShort(string path, string values, int[] sizes) =>
        new($"{path} holds {values} values; its header says [{string.Join(", ", sizes)}]. It may be cut short: get it again.");

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

    /// <summary>Whether a file's name is one of an idx file of pictures: images-idx3-ubyte, images.idx3-ubyte, images.idx, in any letter case, and packed or not.</summary>
    public static bool IsPictures(string path) => Name().Match(Path.GetFileName(path)) is { Success: true } name && name.Groups["axes"].Value is "" or "3" or "4" && !IsLabels(path);

    private static bool IsLabels(string path) => Path.GetFileName(path).Contains("label", StringComparison.OrdinalIgnoreCase);

    /// <summary>Pictures with the labels beside them, if there are any: images-idx3 becomes labels-idx1 in the name.</summary>
    /// <param name="size">Pictures are cropped and resized to this; as they are if null.</param>
    /// <param name="held">Bytes of another split of the set.</param>
    /// <exception cref="DataException">A file is broken, there are not as many labels as pictures, or there is too much.</exception>
    public static MemorySource Pictures(string path, int? size = null, long held = 0)
    {
        var beside = LabelsOf(path);
        using var labels = beside is null ? null : Unpacked.Open(beside);
        return Pictures(() => Unpacked.Open(path), path, labels, beside ?? "", size, held);
    }

    /// <summary>The same from streams that can be sought.</summary>
    internal static MemorySource Pictures(Func<Stream> images, string path, Stream labels, string labelPath, int? size)
    {
        using var numbers = Unpacked.Of(labels, labelPath);
        return Pictures(() => Unpacked.Of(images(), path), path, numbers, labelPath, size, held: 0);
    }

    private static MemorySource Pictures(Func<Unpacked> images, string path, Unpacked? labels, string labelPath, int? size, long held)
    {
        int count;
        PictureShape shape;
        using (var bytes = images())
        {
            var (sizes, _) = Header(bytes, path);
            shape = ShapeOf(sizes, path);
            count = sizes[0];
        }
        var target = DecodedLimit.Resized(shape, size);
        DecodedLimit.Check(path, count, target, held);
        var numbers = labels is null ? null : Labels(labels, labelPath, count, path);

        var (pixels, largest) = Planes(images, path, count, shape, size, scale: 1);
        if (largest == 1) pixels = Planes(images, path, count, shape, size, scale: 255).Pixels;     // nothing but 0 and 1 is black and white
        return new MemorySource(path, target, pixels, numbers) { Note = largest == 1 ? BlackAndWhite(path) : null };
    }

    /// <summary>Says that whole numbers were stretched.</summary>
    internal static string BlackAndWhite(string path) => $"{Path.GetFileName(path)} holds nothing but 0 and 1, which are taken as black and white, 0 and 255.";

    private static (byte[] Pixels, byte Largest) Planes(Func<Unpacked> images, string path, int count, PictureShape shape, int? size, byte scale)
    {
        using var bytes = images();
        var (sizes, total) = Header(bytes, path);
        long read = 0;
        var all = StreamedPictures.Read(count, shape, size, picture =>
        {
            var n = bytes.Fill(picture);
            if ((read += n) < total && n < picture.Length) throw CutShort(path, $"{read:N0}", sizes);
            if (scale > 1) foreach (ref var value in picture) value *= scale;
        });
        Expect(total, read, bytes, sizes, path);
        return all;
    }

    private static int[] Labels(Unpacked labels, string labelPath, int count, string path)
    {
        var (sizes, values) = Read(labels, labelPath);
        if (sizes.Length != 1 || sizes[0] != count)
            throw new DataException($"{labelPath} has shape [{string.Join(", ", sizes)}]; {path} has {count} pictures and needs [{count}].");
        return Array.ConvertAll(values, value => (int)value);
    }

    private static PictureShape ShapeOf(int[] sizes, string path)
    {
        var said = string.Join(", ", sizes);
        if (sizes.Contains(0)) throw new DataException($"{path} has shape [{said}]: there is no picture in it.");
        return sizes switch
        {
            [_, var h, var w] => DecodedLimit.Declared(path, 1, h, w),
            [_, var c and (1 or 3), var h, var w] => DecodedLimit.Declared(path, c, h, w),
            _ => throw new DataException($"{path} has shape [{said}]; pictures need [N, H, W] or [N, 1 or 3, H, W]."),
        };
    }

    /// <summary>The file beside this one that holds its labels, or null: of the same name with labels for images, in any letter case, and packed or not.</summary>
    internal static string? LabelsOf(string path)
    {
        var name = Path.GetFileName(path);
        var wanted = Axes().Replace(name.Replace("images", "labels", StringComparison.OrdinalIgnoreCase), "${idx}1");
        return wanted == name ? null : Beside.Find(path, wanted, ".gz", ".br");
    }

    [GeneratedRegex(@"(?<idx>idx)[34](?=\D|$)", RegexOptions.IgnoreCase)]
    private static partial Regex Axes();

    [GeneratedRegex(@"[-._]idx(?<axes>\d?)([-._]?ubyte)?(\.gz|\.br)?$", RegexOptions.IgnoreCase)]
    private static partial Regex Name();
}
