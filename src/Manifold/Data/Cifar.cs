namespace Manifold.Data;

/// <summary>CIFAR-10's binary files: records of one label byte and 32 x 32 pixels, all red, then all green, then all blue. Plain or gzip.</summary>
public static class Cifar
{
    private const int Pixels = 3 * 32 * 32, Record = 1 + Pixels;

    public static bool IsFile(string path) => path.EndsWith(".bin", StringComparison.Ordinal) || path.EndsWith(".bin.gz", StringComparison.Ordinal);

    /// <exception cref="DataException">A file's length is not a whole number of records, or a label is not 0 to 9.</exception>
    public static MemorySource Open(IReadOnlyList<string> paths)
    {
        var labels = new List<int>();
        using var pixels = new MemoryStream();
        foreach (var path in paths)
        {
            var bytes = Unpacked.Read(path);
            if (bytes.Length == 0 || bytes.Length % Record != 0)
                throw new DataException($"{path} has {bytes.Length:N0} bytes; CIFAR-10's binary layout has records of {Record:N0}. It may be cut short: get it again.");
            for (var at = 0; at < bytes.Length; at += Record)
            {
                if (bytes[at] > 9) throw new DataException($"{path} has label {bytes[at]} in record {at / Record}; CIFAR-10 has 0 to 9.");
                labels.Add(bytes[at]);
                pixels.Write(bytes, at + 1, Pixels);
            }
        }
        return new MemorySource(paths[0], new PictureShape(3, 32, 32), pixels.ToArray(), labels);
    }
}
