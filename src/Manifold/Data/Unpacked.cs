using System.IO.Compression;

namespace Manifold.Data;

/// <summary>A file's bytes as a stream, unpacked if it is gzip, or Brotli by its name: .br. What it cannot read is a <see cref="DataException"/>.</summary>
internal sealed class Unpacked : IDisposable
{
    /// <summary>Deflate makes 258 bytes of 2 bits at most.</summary>
    public const long LargestRatio = 1_032;

    private const long LargestBrotli = 1L << 30;         // Brotli has no such bound
    private readonly Stream packed, plain;
    private readonly string path;
    private readonly bool isGzip, isBrotli;

    private Unpacked(Stream packed, string path)
    {
        (this.packed, this.path) = (packed, path);
        isGzip = packed.ReadByte() == 0x1f && packed.ReadByte() == 0x8b;
        packed.Position = 0;
        isBrotli = !isGzip && path.EndsWith(".br", StringComparison.OrdinalIgnoreCase);     // which has no mark of its own at its beginning
        plain = isGzip ? new GZipStream(packed, CompressionMode.Decompress)
            : isBrotli ? new BrotliStream(packed, CompressionMode.Decompress) : packed;
    }

    /// <exception cref="DataException">It cannot be read.</exception>
    public static Unpacked Open(string path)
    {
        try
        {
            return new Unpacked(OpenRegular(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new DataException($"{path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Opens a file that has bytes. Pipes and devices have a length of 0, and to open one may wait for ever.</summary>
    /// <exception cref="DataException">It is empty, or no regular file.</exception>
    public static FileStream OpenRegular(string path) =>
        new FileInfo(path) is { Exists: true, Length: 0 } ? throw new DataException($"{path} is empty, or not a regular file.") : File.OpenRead(path);

    /// <summary>The same of a stream that can be sought, which is disposed with this.</summary>
    public static Unpacked Of(Stream stream, string path) => new(stream, path);

    /// <summary>Whether the number of bytes is known only when all are unpacked.</summary>
    public bool IsPacked => isGzip || isBrotli;

    /// <summary>Bytes that it can hold at most, by its length: the number itself where it is not packed.</summary>
    public long Most => isGzip ? packed.Length * LargestRatio : isBrotli ? LargestBrotli : packed.Length;

    /// <summary>Reads until the target is full or the file ends.</summary>
    /// <returns>How many bytes were read.</returns>
    /// <exception cref="DataException">It is not a whole gzip or Brotli file.</exception>
    public int Fill(Span<byte> target)
    {
        try
        {
            return plain.ReadAtLeast(target, target.Length, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException)        // the second is what a BrotliStream says
        {
            throw new DataException($"{path} is not a whole {(isBrotli ? "Brotli" : "gzip")} file: {e.Message} Get it again.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Whether there is nothing left. Reads a byte, so nothing is to be read after it.</summary>
    public bool IsAtEnd()
    {
        Span<byte> one = stackalloc byte[1];
        return Fill(one) == 0;
    }

    public void Dispose()
    {
        plain.Dispose();
        packed.Dispose();
    }
}
