using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Manifold.Data;

/// <summary>An array of numbers in a NumPy file, known by its header; its numbers are read when they are asked for, and as often.</summary>
/// <param name="Name">In an .npz; arr_0 of an .npy.</param>
/// <param name="Path">For messages.</param>
/// <param name="Kind">u, i, f or b, as in the file's own descr.</param>
/// <param name="Bytes">Bytes of a number; little-endian.</param>
internal sealed partial record NpyArray(string Name, string Path, int[] Shape, char Kind, int Bytes)
{
    private const int LongestHeader = 1 << 16, Chunk = 1 << 13;
    private readonly Func<Stream> open = () => new MemoryStream();

    /// <summary>How many numbers there are.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>Whether the numbers are bytes as they lie there.</summary>
    public bool IsOfBytes => (Kind, Bytes) == ('u', 1);

    /// <summary>Whether the numbers are floats or truths, which may be fractions of white.</summary>
    public bool IsOfFractions => Kind is 'f' or 'b';

    /// <summary>Reads the header.</summary>
    /// <param name="open">Opens the file at its beginning.</param>
    /// <param name="length">Bytes of the file, as far as it is known.</param>
    /// <param name="most">Bytes that the file can have at most.</param>
    /// <exception cref="DataException">It is no array of numbers in C order, or it is cut short.</exception>
    public static NpyArray Open(string name, string path, Func<Stream> open, long length, long most)
    {
        using var file = open();
        var (text, start) = Header(file, path, length);
        Match descr = Descr().Match(text), shape = ShapeText().Match(text);
        if (!descr.Success || !shape.Success)
            throw new DataException($"{path} has the header {text.Trim()}; an array of numbers needs a descr such as |u1 or <f4, and a shape.");
        if (FortranOrder().IsMatch(text)) throw new DataException($"{path} lies in Fortran's order; save it again with numpy.ascontiguousarray.");
        var (kind, size) = (descr.Groups[2].Value[0], descr.Groups[3].Value[0] - '0');
        if (descr.Groups[1].Value == ">" && size > 1) throw new DataException($"{path} is big-endian ({descr.Value}); save it again with astype('<{kind}{size}').");
        if (kind == 'f' && size == 1 || kind == 'b' && size != 1)
            throw new DataException($"{path} has {(kind == 'f' ? "floats" : "truths")} of {size} bytes; it needs floats of 2, 4 or 8, or whole numbers.");

        var sizes = Sizes(shape.Groups[1].Value, path);
        var total = sizes.Aggregate((Int128)1, (product, axis) => Int128.Min(product * axis, long.MaxValue)) * size;
        if (total != length - start || total > most)
            throw new DataException($"{path} holds {Math.Min(length, most) - start:N0} bytes of numbers; its header says ({string.Join(", ", sizes)}) of {size}. It may be cut short: get it again.");
        return new NpyArray(name, path, sizes, kind, size, open, start);
    }

    private NpyArray(string name, string path, int[] shape, char kind, int bytes, Func<Stream> open, long start) : this(name, path, shape, kind, bytes) => this.open = () =>
    {
        var file = open();
        try
        {
            file.ReadExactly(new byte[start]);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    };

    /// <summary>The numbers as a stream of bytes, from the first.</summary>
    public Stream Stream() => open();

    /// <summary>Calls back with all numbers, some at a time.</summary>
    public void Read(Action<ReadOnlyMemory<double>> see)
    {
        using var file = open();
        var numbers = new double[Chunk];
        var bytes = new byte[Chunk * Bytes];
        for (var left = Count; left > 0;)
        {
            var n = (int)Math.Min(left, Chunk);
            Read(file, numbers.AsSpan(0, n), bytes);
            see(numbers.AsMemory(0, n));
            left -= n;
        }
    }

    /// <summary>Reads the next numbers of a stream that <see cref="Stream"/> opened.</summary>
    /// <param name="buffer">As many times <see cref="Bytes"/> as there are numbers, at least.</param>
    public void Read(Stream file, Span<double> numbers, byte[] buffer)
    {
        var bytes = buffer.AsSpan(0, numbers.Length * Bytes);
        file.ReadExactly(bytes);
        for (var i = 0; i < numbers.Length; i++) numbers[i] = Number(bytes[(i * Bytes)..]);
    }

    private double Number(ReadOnlySpan<byte> bytes) => (Kind, Bytes) switch
    {
        ('b', 1) or ('u', 1) => bytes[0],
        ('i', 1) => (sbyte)bytes[0],
        ('u', 2) => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
        ('i', 2) => BinaryPrimitives.ReadInt16LittleEndian(bytes),
        ('u', 4) => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        ('i', 4) => BinaryPrimitives.ReadInt32LittleEndian(bytes),
        ('u', 8) => BinaryPrimitives.ReadUInt64LittleEndian(bytes),
        ('i', 8) => BinaryPrimitives.ReadInt64LittleEndian(bytes),
        ('f', 2) => (double)BinaryPrimitives.ReadHalfLittleEndian(bytes),
        ('f', 4) => BinaryPrimitives.ReadSingleLittleEndian(bytes),
        _ => BinaryPrimitives.ReadDoubleLittleEndian(bytes),
    };

    private static (string Text, long Start) Header(Stream file, string path, long fileLength)
    {
        var start = new byte[12];
        var n = file.ReadAtLeast(start, 10, throwOnEndOfStream: false);
        if (n < 10 || start[0] != 0x93 || !start.AsSpan(1, 5).SequenceEqual("NUMPY"u8))
            throw new DataException($"{path} begins with {Convert.ToHexString(start.AsSpan(0, Math.Min(6, n)))}; a NumPy array begins with 934E554D5059.");
        var prefix = start[6] >= 2 ? 12 : 10;
        if (n < prefix) n += file.ReadAtLeast(start.AsSpan(n), prefix - n, throwOnEndOfStream: false);
        long length = prefix == 12 ? BinaryPrimitives.ReadUInt32LittleEndian(start.AsSpan(8)) : BinaryPrimitives.ReadUInt16LittleEndian(start.AsSpan(8));
        if (start[6] is 0 or > 3 || length > LongestHeader || prefix + length > fileLength)
            throw new DataException($"{path} says version {start[6]} and a header of {length:N0} bytes; it may be cut short: get it again.");

        var text = new byte[length];
        var had = start.AsSpan(prefix, n - prefix);                     // of a short version's prefix, two bytes are of the text
        had[..(int)Math.Min(had.Length, length)].CopyTo(text);
        if (had.Length < length) file.ReadExactly(text.AsSpan(had.Length));
        return (Encoding.UTF8.GetString(text), prefix + length);
    }

    private static int[] Sizes(string text, string path) => [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
        .Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var axis) ? axis : throw new DataException($"{path} has the shape ({text}), which cannot be read."))];

    [GeneratedRegex(@"'descr':\s*'([<>|=]?)([uifb])([1248])'")]
    private static partial Regex Descr();

    [GeneratedRegex(@"'shape':\s*\(([0-9, ]*)\)")]
    private static partial Regex ShapeText();

    [GeneratedRegex(@"'fortran_order':\s*True")]
    private static partial Regex FortranOrder();
}
