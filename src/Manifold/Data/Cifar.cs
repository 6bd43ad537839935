namespace Manifold.Data;

/// <summary>CIFAR-10's binary files: records of one label byte and 32 x 32 pixels, all red, then all green, then all blue. Plain or gzip.</summary>
public static class Cifar
{
    private const int Pixels = 3 * 32 * 32, Record = 1 + Pixels;
    private static readonly PictureShape shape = new(3, 32, 32);

    public static bool IsFile(string path) => path.EndsWith(".bin", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".bin.gz", StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads the records of files.</summary>
    /// <param name="size">Pictures are resized to this; as they are if null.</param>
    /// <param name="held">Bytes of another split of the set.</param>
    /// <exception cref="DataException">A file's length is not a whole number of records, a label is not 0 to 9, or there is too much.</exception>
    public static MemorySource Open(IReadOnlyList<string> paths, int? size = null, long held = 0)
    {
        var target = DecodedLimit.Resized(shape, size);
        var counts = new List<int>();
        foreach (var path in paths) counts.Add(Count(path, counts.Sum(), target, held));

        var labels = new int[counts.Sum()];
        var (file, left, record) = (-1, 0, 0);
        Unpacked? bytes = null;
        try
        {
            var (pixels, _) = StreamedPictures.Read(labels.Length, shape, size, picture =>
            {
                while (left == 0)
                {
                    bytes?.Dispose();
                    bytes = Unpacked.Open(paths[++file]);
                    left = counts[file];
                }
                labels[record++] = Next(bytes!, paths[file], counts[file] - left--, picture);
            });
            return new MemorySource(paths[0], target, pixels, labels);
        }
        finally { bytes?.Dispose(); }
    }

    private static int Next(Unpacked bytes, string path, int record, Span<byte> picture)
    {
        Span<byte> label = stackalloc byte[1];
        if (bytes.Fill(label) < 1 || bytes.Fill(picture) < picture.Length) throw new DataException($"{path} changed while it was read. Open it again.");
        return label[0] <= 9 ? label[0] : throw new DataException($"{path} has label {label[0]} in record {record:N0}; CIFAR-10 has 0 to 9.");
    }

    // A packed file is unpacked to count its records, and again to keep them: held twice it would take twice the memory.
    private static int Count(string path, long before, PictureShape target, long held)
    {
        using var bytes = Unpacked.Open(path);
        var length = bytes.IsPacked ? 0 : bytes.Most;
        DecodedLimit.Check(path, before + length / Record, target, held);
        if (bytes.IsPacked)
        {
            var buffer = new byte[1 << 16];
            for (int n; (n = bytes.Fill(buffer)) > 0;)
            {
                length += n;
                DecodedLimit.Check(path, before + length / Record, target, held);
            }
        }
        if (length == 0 || length % Record != 0)
            throw new DataException($"{path} has {length:N0} bytes; CIFAR-10's binary layout has records of {Record:N0}. It may be cut short: get it again.");
        return (int)(length / Record);
    }
}
