using System.Security.Cryptography;

namespace Manifold.Evaluation;

/// <summary>A TorchScript file as it is on disk: code, which this process only hashes. <see cref="ScriptProcess"/> runs it elsewhere.</summary>
/// <param name="Path">As it was named.</param>
/// <param name="Content">What was hashed is what is run, whatever becomes of the file.</param>
/// <param name="Hash">SHA-256.</param>
public sealed record ScriptFile(string Path, byte[] Content, string Hash)
{
    /// <summary>Bytes of the largest file; Inception's has 95 million.</summary>
    public const long Largest = 1L << 30;

    /// <summary>The beginning of the SHA-256, by which results and config.json name it.</summary>
    public string ShortHash => Hash[..16];

    /// <summary>Reads the file; nothing in it runs.</summary>
    /// <exception cref="MetricException">There is no such file, or it is no regular file of a fit size.</exception>
    public static ScriptFile Read(string path)
    {
        if (!File.Exists(path)) throw new MetricException($"There is no file {path}; --features needs the folder of a run of features, or a TorchScript file.");
        try
        {
            var content = new byte[LengthOf(path)];
            using var file = File.OpenRead(path);
            file.ReadExactly(content);
            return new ScriptFile(path, content, Convert.ToHexStringLower(SHA256.HashData(content)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw new MetricException($"{path} cannot be read: {e.Message}"); }
    }

    // A link's is its target's; a pipe and a device have none, and would never end.
    private static long LengthOf(string path)
    {
        var length = File.ResolveLinkTarget(path, returnFinalTarget: true) is FileInfo target ? target.Length : new FileInfo(path).Length;
        if (length == 0) throw new MetricException($"{path} is not a TorchScript file: it is empty, or no regular file.");
        if (length > Largest) throw new MetricException($"{path} is not read: it has {length:N0} bytes, and a TorchScript file may have {Largest:N0}.");
        return length;
    }
}
