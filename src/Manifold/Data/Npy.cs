using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;

namespace Manifold.Data;

/// <summary>NumPy's files: .npy, one array, and .npz, a zip of them. Nothing in them is run; arrays of objects are refused.</summary>
/// <remarks>The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1 to 3.</remarks>
public static partial class Npy
{
    private const int LargestArray = 1 << 30;      // bytes of one array

    /// <summary>An array of numbers as they lie in the file.</summary>
    /// <param name="Kind">u, i, f or b, as in the file's own descr.</param>
    /// <param name="Bytes">Bytes of a number; little-endian.</param>
    private sealed record Array(string Name, int[] Shape, char Kind, int Bytes, byte[] Values)
    {
        public int Count => Shape.Aggregate(1, (product, size) => product * size);

        public double At(int index) => (Kind, Bytes) switch
        {
            ('b', 1) or ('u', 1) => Values[index],
            ('i', 1) => (sbyte)Values[index],
            ('u', 2) => BinaryPrimitives.ReadUInt16LittleEndian(Values.AsSpan(2 * index)),
            ('i', 2) => BinaryPrimitives.ReadInt16LittleEndian(Values.AsSpan(2 * index)),
            ('u', 4) => BinaryPrimitives.ReadUInt32LittleEndian(Values.AsSpan(4 * index)),
            ('i', 4) => BinaryPrimitives.ReadInt32LittleEndian(Values.AsSpan(4 * index)),
            ('u', 8) => BinaryPrimitives.ReadUInt64LittleEndian(Values.AsSpan(8 * index)),
            ('i', 8) => BinaryPrimitives.ReadInt64LittleEndian(Values.AsSpan(8 * index)),
            ('f', 4) => BinaryPrimitives.ReadSingleLittleEndian(Values.AsSpan(4 * index)),
            _ => BinaryPrimitives.ReadDoubleLittleEndian(Values.AsSpan(8 * index)),
        };
    }

    public static bool IsFile(string path) => path.EndsWith(".npy", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase);

    /// <summary>Pictures of one file, with their labels and test part if it names them in a customary way.</summary>
    /// <remarks>
    /// Of an .npz: x_train, y_train, x_test, y_test; or train_images, train_labels, test_images, test_labels; or images (or x, imgs, data,
    /// arr_0) and labels (or y, arr_1). Beside an .npy: the file whose name has labels for images. Pictures are [N, H, W],
    /// [N, H, W, 1 or 3], [N, 1 or 3, H, W], or [N, H H], of bytes, of numbers from 0 to 255, or of fractions from 0 to 1.
    /// </remarks>
    /// <exception cref="DataException">The file is broken, or holds no such array.</exception>
    public static (MemorySource Train, MemorySource? Test) Open(string path)
    {
        var arrays = Arrays(path).ToDictionary(array => array.Name, StringComparer.OrdinalIgnoreCase);
        Array? Find(params string[] names) => names.Select(name => arrays.GetValueOrDefault(name)).FirstOrDefault(array => array is not null);

        var train = Find("x_train", "train_images", "train_x", "images", "imgs", "x", "data", "arr_0")
            ?? throw new DataException($"{path} holds {string.Join(", ", arrays.Keys)}; pictures need the name x_train, train_images, images, x, data or arr_0.");
        var labels = Find("y_train", "train_labels", "train_y", "labels", "y", "arr_1") ?? Beside(path);
        var test = Find("x_test", "test_images", "test_x");
        return (Source(path, train, labels), test is null ? null : Source(path, test, Find("y_test", "test_labels", "test_y")));
    }

    private static List<Array> Arrays(string path)
    {
        var bytes = Unpacked.Read(path);
        if (!path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase)) return [Parse(bytes, "arr_0", path)];
        try
        {
            using var zip = new ZipArchive(new MemoryStream(bytes));
            var budget = (long)LargestArray;
            var arrays = new List<Array>();
            foreach (var entry in zip.Entries.Where(entry => entry.FullName.EndsWith(".npy", StringComparison.Ordinal)))
            {
                using var content = entry.Open();
                using var memory = new MemoryStream();
                var buffer = new byte[1 << 16];
                for (int n; (n = content.Read(buffer)) > 0;)                              // counted as they come: what the zip says of its sizes is not believed
                {
                    if ((budget -= n) < 0) throw new DataException($"{path} holds more than {LargestArray >> 30} GB of numbers.");
                    memory.Write(buffer, 0, n);
                }
                arrays.Add(Parse(memory.ToArray(), entry.FullName[..^4], $"{path}/{entry.FullName}"));
            }
            return arrays;
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or IOException or NotSupportedException or ArgumentException or OverflowException)
        {
            throw new DataException($"{path} is not a whole .npz file: {e.Message} Get it again.", e);
        }
    }

    private static Array Parse(byte[] bytes, string name, string path)
    {
        if (bytes.Length < 12 || bytes[0] != 0x93 || !bytes.AsSpan(1, 5).SequenceEqual("NUMPY"u8))
            throw new DataException($"{path} begins with {Convert.ToHexString(bytes.AsSpan(0, Math.Min(6, bytes.Length)))}; a NumPy array begins with 934E554D5059.");
        var isLong = bytes[6] >= 2;
        long start = isLong ? 12 : 10, length = isLong ? BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(8)) : BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(8));
        if (bytes[6] is 0 or > 3 || start + length > bytes.Length) throw new DataException($"{path} says version {bytes[6]} and a header of {length:N0} bytes; it may be cut short: get it again.");

        var header = Encoding.UTF8.GetString(bytes, (int)start, (int)length);
        Match descr = Descr().Match(header), shape = Shape().Match(header);
        if (!descr.Success || !shape.Success) throw new DataException($"{path} has the header {header.Trim()}; an array of numbers needs a descr such as |u1 or <f4, and a shape.");
        if (header.Contains("'fortran_order': True")) throw new DataException($"{path} lies in Fortran's order; save it again with numpy.ascontiguousarray.");
        var (kind, size) = (descr.Groups[2].Value[0], descr.Groups[3].Value[0] - '0');
        if (descr.Groups[1].Value == ">" && size > 1) throw new DataException($"{path} is big-endian ({descr.Value}); save it again with astype('<{kind}{size}').");
        if (kind == 'f' && size is not (4 or 8) || kind == 'b' && size != 1) throw new DataException($"{path} has {(kind == 'f' ? "floats" : "truths")} of {size} bytes; it needs floats of 4 or 8, or whole numbers.");

        var sizes = new List<int>();
        var total = 1L;
        foreach (var part in shape.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var axis)) throw new DataException($"{path} has the shape ({shape.Groups[1].Value}), which cannot be read.");
            sizes.Add(axis);
            total = Math.Min(total * axis, long.MaxValue >> 34);
        }
        if (total * size != bytes.Length - start - length)
            throw new DataException($"{path} holds {bytes.Length - start - length:N0} bytes of numbers; its header says ({string.Join(", ", sizes)}) of {size}. It may be cut short: get it again.");
        return new Array(name, [.. sizes], kind, size, bytes[(int)(start + length)..]);
    }

    private static MemorySource Source(string path, Array pictures, Array? labels)
    {
        var s = pictures.Shape;
        int square = s.Length == 2 ? (int)Math.Round(Math.Sqrt(s[1])) : 0;
        var (shape, isLast) = s switch
        {
            [_, var h, var w] => (new PictureShape(1, h, w), false),
            [_, var h, var w, 1 or 3] => (new PictureShape(s[3], h, w), true),
            [_, 1 or 3, var h, var w] => (new PictureShape(s[1], h, w), false),
            [_, _] when square * square == s[1] => (new PictureShape(1, square, square), false),
            _ => throw new DataException($"{path}: {pictures.Name} has shape [{string.Join(", ", s)}]; pictures need [N, H, W], [N, H, W, 1 or 3], [N, 1 or 3, H, W] or [N, H H]."),
        };
        if (pictures.Count == 0) throw new DataException($"{path}: {pictures.Name} has shape [{string.Join(", ", s)}]; there is no picture in it.");
        if (labels is not null && (labels.Shape.Length == 0 || labels.Shape[0] != s[0] || labels.Count != s[0]))
            throw new DataException($"{path}: {labels.Name} has shape [{string.Join(", ", labels.Shape)}]; {pictures.Name} has {s[0]} pictures and needs as many labels.");
        return new MemorySource(path, shape, Planes(Bytes(path, pictures), shape, isLast), labels is null ? null : [.. Enumerable.Range(0, s[0]).Select(i => Label(path, labels, i))]);
    }

    // Bytes as they are; fractions of 0 to 1 as shares of 255; other numbers must be whole and fit a byte.
    private static byte[] Bytes(string path, Array array)
    {
        if ((array.Kind, array.Bytes) == ('u', 1)) return array.Values;
        var values = new double[array.Count];
        for (var i = 0; i < values.Length; i++) values[i] = array.At(i);
        var isUnit = array.Kind is 'f' or 'b' && values.All(value => value is >= 0 and <= 1);
        if (!isUnit && values.Any(value => !(value is >= 0 and <= 255) || value != Math.Round(value)))
            throw new DataException($"{path}: {array.Name} goes from {values.Min():G4} to {values.Max():G4}; pictures need whole numbers from 0 to 255, or fractions from 0 to 1.");
        return System.Array.ConvertAll(values, value => (byte)Math.Round(isUnit ? 255 * value : value));
    }

    private static byte[] Planes(byte[] values, PictureShape shape, bool isLast)
    {
        if (!isLast || shape.Channels == 1) return values;
        var planes = new byte[values.Length];
        var area = shape.Height * shape.Width;
        for (var i = 0; i < values.Length; i++)
            planes[i / shape.Dims * shape.Dims + i % 3 * area + i % shape.Dims / 3] = values[i];
        return planes;
    }

    private static int Label(string path, Array labels, int index) =>
        labels.At(index) is >= 0 and < 100_000 and var label && label == Math.Round(label) ? (int)label
        : throw new DataException($"{path}: {labels.Name} has {labels.At(index)}; a label is a whole number from 0 up.");

    private static Array? Beside(string path) => LabelsOf(path) is { } labels ? Arrays(labels).FirstOrDefault() : null;

    /// <summary>The file beside this one that holds its labels, or null.</summary>
    internal static string? LabelsOf(string path)
    {
        var name = Path.GetFileName(path);
        var labels = name.Replace("images", "labels").Replace("imgs", "labels");
        var beside = Path.Combine(Path.GetDirectoryName(path) ?? "", labels);
        return IsFile(path) && labels != name && File.Exists(beside) ? beside : null;
    }

    [GeneratedRegex(@"'descr':\s*'([<>|=]?)([uifb])([1248])'")]
    private static partial Regex Descr();

    [GeneratedRegex(@"'shape':\s*\(([0-9, ]*)\)")]
    private static partial Regex Shape();
}
