using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Manifold.Engine;
using Manifold.Training;

namespace Manifold.Checkpoints;

/// <summary>A checkpoint whose state.json is sound and whose files have the sizes that it says.</summary>
/// <remarks>The hashes of the files are compared when they are read, so that finding a checkpoint costs no reading of
/// weights.</remarks>
/// <param name="Score">Lower is better; null if none was taken.</param>
/// <param name="Hashes">SHA-256 of each file, by its name.</param>
public sealed record WholeCheckpoint(string Path, long ExamplesSeen, double? Score, IReadOnlyDictionary<string, string> Hashes)
{
    /// <summary>The newest state.json that this code can read.</summary>
    public const int Schema = 1;

    private const string FolderPrefix = "checkpoint-";
    private const int FolderDigits = 12;

    private static readonly string[] required = ["model", "ema", "optimizer", "state"];
    private static readonly string[] optional = ["plateau"];
    private static readonly JsonSerializerOptions indented = new() { WriteIndented = true };

    /// <summary>Sums of the log line that was under way.</summary>
    internal IReadOnlyDictionary<string, PartialSum> Pending { get; init; } = new Dictionary<string, PartialSum>();

    /// <summary>The name of a checkpoint's folder: checkpoint-000000012800.</summary>
    internal static string FolderOf(long examplesSeen) => $"{FolderPrefix}{examplesSeen:D12}";

    /// <summary>Whether a checkpoint's folder can have this name.</summary>
    internal static bool IsNameOfOne(string name) =>
        name.Length == FolderPrefix.Length + FolderDigits && name.StartsWith(FolderPrefix, StringComparison.Ordinal)
        && name.AsSpan(FolderPrefix.Length).ContainsAnyExceptInRange('0', '9') is false;

    /// <summary>The folders of a run that are named as checkpoints are, oldest first.</summary>
    internal static IReadOnlyList<string> Folders(string run) =>
        [.. Directory.EnumerateFileSystemEntries(run, $"{FolderPrefix}{new string('?', FolderDigits)}").Order(StringComparer.Ordinal)];

    /// <summary>The name of a group's file.</summary>
    internal static string FileOf(string group) => $"{group}.safetensors";

    /// <summary>What state.json says of a checkpoint that is being written.</summary>
    /// <param name="files">Bytes and SHA-256 of each file, by its name.</param>
    internal static byte[] State(
        long examplesSeen, double? score, IReadOnlyDictionary<string, (long Bytes, string Hash)> files,
        IReadOnlyDictionary<string, PartialSum> pending)
    {
        static KeyValuePair<string, JsonNode?> Entry(string name, JsonObject facts) => new(name, facts);
        var state = new JsonObject
        {
            ["schema"] = Schema,
            ["examples_seen"] = examplesSeen,
            ["score"] = score is { } s && double.IsFinite(s) ? s : null,
            ["files"] = new JsonObject(files.Select(file => Entry(file.Key, new() { ["bytes"] = file.Value.Bytes, ["sha256"] = file.Value.Hash }))),
        };
        if (pending.Count > 0)
            state["pending"] = new JsonObject(pending.Select(sum => Entry(sum.Key, new() { ["sum"] = sum.Value.Sum, ["count"] = sum.Value.Count })));
        return Encoding.UTF8.GetBytes(state.ToJsonString(indented));
    }

    /// <summary>Reads a checkpoint's state.json and compares it with the folder; no weights are read.</summary>
    /// <exception cref="InvalidDataException">They do not agree; the message says in what.</exception>
    /// <exception cref="IOException">Something is missing, or no regular file.</exception>
    /// <exception cref="CheckpointException">A newer Manifold has made it.</exception>
    internal static WholeCheckpoint Read(string path)
    {
        if (RegularFile.KindOf(path) != FileKind.Folder)
            throw new InvalidDataException("it is no folder, and no link is followed");
        var state = StrictJson.Read(System.IO.Path.Combine(path, "state.json"), why => new InvalidDataException(why));
        var schema = state["schema"].Count();
        if (schema > Schema)
            throw new CheckpointException(
                $"{path} was made by a newer Manifold (schema {schema}; this one reads up to {Schema}). Update Manifold.");
        if (schema < Schema) throw state["schema"].Wrong($"{Schema}");
        state.Only("schema", "examples_seen", "score", "files", "pending");

        var seen = state["examples_seen"].Count();
        if (System.IO.Path.GetFileName(System.IO.Path.GetFullPath(path)) != FolderOf(seen))
            throw state["examples_seen"].Wrong("the number in the folder's name");
        var hashes = Files(path, state["files"]);
        var pending = PendingOf(state.Find("pending"));
        return new WholeCheckpoint(path, seen, state.Find("score")?.Number(), hashes) { Pending = pending };
    }

    /// <summary>Reads every file once and compares its hash.</summary>
    /// <exception cref="InvalidDataException">A file has other bytes than when it was saved.</exception>
    /// <exception cref="IOException">A file is missing.</exception>
    internal void Verify()
    {
        foreach (var (name, hash) in Hashes)
        {
            using var stream = RegularFile.OpenRead(System.IO.Path.Combine(Path, name));
            if (Convert.ToHexStringLower(SHA256.HashData(stream)) != hash) throw OtherBytes(name);
        }
    }

    /// <summary>The bytes of a group's file, which are those that were saved.</summary>
    /// <exception cref="CheckpointException">The file is not among the checkpoint's, or has other bytes.</exception>
    /// <exception cref="IOException">The file is missing.</exception>
    internal byte[] ReadGroup(string group)
    {
        var name = FileOf(group);
        if (!Hashes.TryGetValue(name, out var hash)) throw new CheckpointException($"{Path} has no {name}.");
        var content = RegularFile.ReadAll(System.IO.Path.Combine(Path, name), Array.MaxLength);
        if (Convert.ToHexStringLower(SHA256.HashData(content)) != hash)
            throw new CheckpointException($"{Path} is not whole: {OtherBytes(name).Message}.");
        return content;
    }

    // The names are exactly those of the groups, so none of them can be a path.
    private static Dictionary<string, string> Files(string folder, StrictJson files)
    {
        var hashes = new Dictionary<string, string>();
        files.Only([.. required.Concat(optional).Select(FileOf)]);
        foreach (var group in required) _ = files[FileOf(group)];
        foreach (var (name, facts) in files.Members())
        {
            facts.Only("bytes", "sha256");
            var hash = facts["sha256"].Text();
            if (hash.Length != 64 || !hash.All(char.IsAsciiHexDigitLower)) throw facts["sha256"].Wrong("64 hexadecimal digits");
            using var stream = RegularFile.OpenRead(System.IO.Path.Combine(folder, name));
            if (facts["bytes"].Count() != stream.Length)
                throw new InvalidDataException($"{name} has {stream.Length:N0} bytes; {facts["bytes"].Quoted} were saved");
            hashes[name] = hash;
        }
        return hashes;
    }

    private static Dictionary<string, PartialSum> PendingOf(StrictJson? pending)
    {
        var sums = new Dictionary<string, PartialSum>();
        foreach (var (name, sum) in pending?.Members() ?? [])
        {
            sum.Only("sum", "count");
            var count = sum["count"].Count();
            sums[name] = count > 0 ? new PartialSum(sum["sum"].Number(), count) : throw sum["count"].Wrong("1 or more");
        }
        return sums;
    }

    private static InvalidDataException OtherBytes(string name) => new($"{name} has other bytes than when it was saved");
}
