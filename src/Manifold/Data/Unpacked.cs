using System.IO.Compression;

namespace Manifold.Data;

/// <summary>A file's bytes, unpacked if it is gzip, or Brotli by its name: .br.</summary>
internal static class Unpacked
{
    private const int Largest = 1 << 30;   // bytes once unpacked; also the guard against a file that unpacks without end

    /// <exception cref="DataException">It cannot be read, is not a whole gzip or Brotli file, or is too large.</exception>
    public static byte[] Read(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            return Read(file, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The same of a stream that can be sought.</summary>
    public static byte[] Read(Stream stream, string path)
    {
        var isGzip = stream.ReadByte() == 0x1f && stream.ReadByte() == 0x8b;
        stream.Position = 0;
        var isBrotli = !isGzip && path.EndsWith(".br", StringComparison.Ordinal);          // which has no mark of its own at its beginning
        try
        {
            using var source = isGzip ? new GZipStream(stream, CompressionMode.Decompress) : isBrotli ? new BrotliStream(stream, CompressionMode.Decompress) : stream;
            using var memory = new MemoryStream();
            var buffer = new byte[1 << 16];
            for (int n; (n = source.Read(buffer)) > 0;)
            {
                if (memory.Length + n > Largest) throw new DataException($"{path} is larger than {Largest:N0} bytes once unpacked.");
                memory.Write(buffer, 0, n);
            }
            return memory.ToArray();
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException)        // the second is what a BrotliStream says
        {
            throw new DataException($"{path} is not a whole {(isBrotli ? "Brotli" : "gzip")} file: {e.Message} Get it again.", e);
        }
    }
}
