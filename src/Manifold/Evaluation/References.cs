using System.Security.Cryptography;
using System.Text;
using Manifold.Checkpoints;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>What an extractor makes of pictures that are the same at every evaluation: worked out once, then read from a folder.</summary>
/// <remarks>
/// A file's name is the hash of all that its numbers depend on: the pictures as the extractor is given them (so the data, the part, the order,
/// the count, the size and the rounding), the extractor's weights, and the processor, libtorch, its kernels and its threads, which differ in
/// the last digits. The model's device is not among them: extractors run on the CPU. What has no name, such as a change of this code, is seen too:
/// the first hundred pictures are worked out each time, and a file that says otherwise is made anew.
/// </remarks>
public sealed class References
{
    /// <summary>Bytes of a file; what would take more is worked out each time.</summary>
    public const long LargestFile = 256L << 20;

    /// <summary>Bytes of the folder; the files that were longest not used go first.</summary>
    public const long LargestFolder = 1L << 30;

    private const long Smallest = 8;                                           // of a file that says how long its header is
    private const int Witnesses = 100;                                         // one batch of the extractor, so the same bytes
    private static readonly TimeSpan abandoned = TimeSpan.FromDays(1);         // an unfinished file that is older has no writer any more

    private readonly Action<string> warn;
    private readonly long largestFile, largestFolder;
    private string? folder;

    /// <param name="folder">Made if it is not there; null keeps nothing.</param>
    /// <param name="warn">Told once of a folder that cannot be written, and of every broken file.</param>
    public References(string? folder, Action<string>? warn = null, long largestFile = LargestFile, long largestFolder = LargestFolder) =>
        (this.folder, this.warn, this.largestFile, this.largestFolder) = (folder, warn ?? (_ => { }), largestFile, largestFolder);

    /// <summary>Those of the user's cache: $XDG_CACHE_HOME/manifold/references, or ~/.cache/manifold/references.</summary>
    public static References OfUser(Action<string> warn)
    {
        try { return new References(UserCache.Folder("references"), warn); }
        catch (IOException e)
        {
            warn($"features of the data are not kept: {e.Message}");
            return new References(null, warn);
        }
    }

    /// <summary>Times that a file had what was asked for.</summary>
    public int Found { get; private set; }

    /// <summary>Features of pictures in [0, 1], [N, C, H, W]: [N, F]; and the beginning of their SHA-256.</summary>
    public (Tensor Values, string Hash) Features(Extractor extractor, Tensor pictures) => Of(extractor, pictures, "features", extractor.Features);

    /// <summary>The classes' probabilities, [N, K]; and the beginning of their SHA-256.</summary>
    public (Tensor Values, string Hash) Probabilities(Extractor extractor, Tensor pictures) => Of(extractor, pictures, "probabilities", extractor.Probabilities);

    private (Tensor, string) Of(Extractor extractor, Tensor pictures, string what, Func<Tensor, Tensor> make)
    {
        if (folder is null)
        {
            var plain = make(pictures);
            return (plain, Hash(plain)[..16]);
        }
        var key = string.Join("; ", $"{what} of {string.Join('x', pictures.shape)} {Hash(pictures)}", $"{extractor.Name} {extractor.FullHash}",
            Machine.Cpu, $"libtorch {Machine.LibTorchVersion}", Machine.CpuCapability, $"{Machine.Threads} threads");
        var path = Path.Combine(folder, $"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))}.safetensors");
        if (Read(path, key, pictures.shape[0]) is { } known)
        {
            using var some = make(pictures[..(int)Math.Min(Witnesses, pictures.shape[0])]);
            if (Hash(known.Values[..(int)some.shape[0]]) == Hash(some))
            {
                Found++;
                Quietly(() => File.SetLastWriteTimeUtc(path, DateTime.UtcNow));
                return (known.Values, known.Hash[..16]);
            }
            known.Values.Dispose();
        }
        var values = make(pictures);
        var hash = Hash(values);
        Keep(path, key, values, hash);
        return (values, hash[..16]);
    }

    // Null where there is none, or none that is whole.
    private (Tensor Values, string Hash)? Read(string path, string key, long count)
    {
        if (!File.Exists(path)) return null;
        using var scope = NewDisposeScope();
        try
        {
            var length = LengthOf(path);
            if (length < Smallest || length > 2 * largestFile) throw new CheckpointException($"it has {length:N0} bytes");
            var file = File.ReadAllBytes(path);
            var (entries, _) = SafeTensors.ReadHeader(file, path);
            if (!entries.TryGetValue("values", out var entry)) throw new CheckpointException("it has no values");
            ExpectFit(entry, count, length);
            Tensor values = empty(entry.Shape, entry.Type), written = zeros([Encoding.UTF8.GetByteCount(key)], ScalarType.Byte), hash = zeros([SHA256.HashSizeInBytes], ScalarType.Byte);
            SafeTensors.ReadInto(file, new Dictionary<string, Tensor> { ["values"] = values, ["key"] = written, ["sha256"] = hash }, path);
            if (Encoding.UTF8.GetString(written.bytes) != key) throw new CheckpointException("it is of something else");
            if (Hash(values) is var found && found != Convert.ToHexStringLower(hash.bytes)) throw new CheckpointException("its values have another hash than when they were written");
            if (!values.isfinite().all().item<bool>()) throw new CheckpointException("it has values that are not finite");
            return (values.MoveToOuterDisposeScope(), found);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CheckpointException)
        {
            warn($"{path} is broken and is made anew: {e.Message}");
            return null;
        }
    }

    // A link's length is its target's; a pipe and a device have none, and would never end.
    private static long LengthOf(string path) => File.ResolveLinkTarget(path, returnFinalTarget: true) is FileInfo target ? target.Length : new FileInfo(path).Length;

    // Before room is made for it: a row of numbers for each picture, and no more than the file can hold.
    private static void ExpectFit(SafeTensors.Entry entry, long count, long length)
    {
        if (entry.Type != ScalarType.Float32 || entry.Shape is not [var rows, var width] || rows != count || width < 1 || width > length / sizeof(float) / count)
            throw new CheckpointException($"it has {entry.Type} [{string.Join(", ", entry.Shape)}] for {count} pictures");
    }

    private void Keep(string path, string key, Tensor values, string hash)
    {
        if (values.dtype != ScalarType.Float32 || values.numel() * values.element_size() > largestFile) return;
        using var scope = NewDisposeScope();
        if (!values.isfinite().all().item<bool>()) return;
        try
        {
            AtomicFile.Write(path, SafeTensors.Write(new Dictionary<string, Tensor> { ["values"] = values, ["key"] = tensor(Encoding.UTF8.GetBytes(key)), ["sha256"] = tensor(Convert.FromHexString(hash)) }));
            MakeRoom(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CheckpointException)
        {
            warn($"features of the data are not kept: {e.Message}");
            folder = null;                                                     // the next would fail alike
        }
    }

    // Another process may delete the same file, or write one, at the same time.
    private void MakeRoom(string newest)
    {
        var files = new DirectoryInfo(folder!).GetFiles();
        foreach (var part in files.Where(file => AtomicFile.UnfinishedOf(file.Name)?.EndsWith(".safetensors", StringComparison.Ordinal) == true && DateTime.UtcNow - file.LastWriteTimeUtc > abandoned)) Quietly(part.Delete);
        var kept = files.Where(file => file.Extension == ".safetensors").OrderByDescending(file => file.FullName == Path.GetFullPath(newest)).ThenByDescending(file => file.LastWriteTimeUtc).ToList();
        var total = 0L;
        foreach (var file in kept)
            if ((total += file.Length) > largestFolder && file != kept[0]) Quietly(file.Delete);
    }

    private static void Quietly(Action act)
    {
        try { act(); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }

    // Of the shape and of every byte, row by row: a span has no more than 2^31 of them.
    private static string Hash(Tensor rows)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{rows.dtype} {string.Join('x', rows.shape)};"));
        using var scope = NewDisposeScope();
        foreach (var some in rows.split(Witnesses)) hash.AppendData(some.contiguous().bytes);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
