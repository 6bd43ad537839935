using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Checkpoints;

/// <summary>A checkpoint of which every file has the length and the hash that its state.json says.</summary>
/// <param name="Score">Lower is better; null if none was taken.</param>
public sealed record WholeCheckpoint(string Path, long ExamplesSeen, double? Score, IReadOnlyDictionary<string, string> Hashes);

/// <summary>A run's folder as sampling and evaluation see it: nothing in it is changed but the metric lines added.</summary>
public sealed class RunReader
{
    /// <summary>The newest state.json that this code can read.</summary>
    public const int Schema = 1;

    /// <param name="path">A run's folder, or one of its checkpoints.</param>
    /// <param name="warn">Told of every checkpoint that is not whole.</param>
    /// <exception cref="CheckpointException">There is no run there.</exception>
    public RunReader(string path, Action<string>? warn = null)
    {
        var isCheckpoint = File.Exists(System.IO.Path.Combine(path, "state.json"));
        Path = isCheckpoint ? System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))! : path;
        if (!File.Exists(System.IO.Path.Combine(Path, "config.json")))
            throw new CheckpointException($"{path} is not a run: it has no config.json. A run's folder is made by `./manifold train`, such as runs/00000-vae-bundled.");
        Checkpoints = Whole(Path, warn);
        if (isCheckpoint)
            Chosen = Checkpoints.FirstOrDefault(checkpoint => System.IO.Path.GetFullPath(checkpoint.Path) == System.IO.Path.GetFullPath(path).TrimEnd('/'))
                ?? throw new CheckpointException($"{path} is not whole: a file of it is missing or has other bytes than state.json says.");
    }

    public string Path { get; }
    public string ConfigJson => File.ReadAllText(System.IO.Path.Combine(Path, "config.json"));

    /// <summary>Oldest first.</summary>
    public IReadOnlyList<WholeCheckpoint> Checkpoints { get; }

    public WholeCheckpoint? Newest => Checkpoints.LastOrDefault();
    public WholeCheckpoint? Best => Checkpoints.Where(checkpoint => checkpoint.Score is not null).MinBy(checkpoint => checkpoint.Score);

    /// <summary>The checkpoint that the path named, if it named one.</summary>
    public WholeCheckpoint? Chosen { get; }

    /// <summary>Copies a group's tensors into these; the group may hold more.</summary>
    public static void Load(WholeCheckpoint checkpoint, string group, IReadOnlyDictionary<string, Tensor> tensors)
    {
        var file = System.IO.Path.Combine(checkpoint.Path, $"{group}.safetensors");
        SafeTensors.ReadInto(File.ReadAllBytes(file), tensors, file, partial: true);
    }

    /// <summary>The beginning of the SHA-256 of a group's file, for provenance.</summary>
    public static string Hash(WholeCheckpoint checkpoint, string group) => checkpoint.Hashes[$"{group}.safetensors"][..16];

    /// <summary>Adds a line to metric-NAME.jsonl.</summary>
    public void AppendMetric(string name, JsonObject line) =>
        File.AppendAllText(System.IO.Path.Combine(Path, $"metric-{name}.jsonl"), line.ToJsonString() + "\n");

    /// <summary>The whole checkpoints of a folder, oldest first.</summary>
    internal static IReadOnlyList<WholeCheckpoint> Whole(string run, Action<string>? warn) =>
        [.. Directory.EnumerateDirectories(run, "checkpoint-????????????").Order(StringComparer.Ordinal).Select(path => Read(path, warn)).OfType<WholeCheckpoint>()];

    private static WholeCheckpoint? Read(string path, Action<string>? warn)
    {
        try
        {
            var state = JsonNode.Parse(File.ReadAllText(System.IO.Path.Combine(path, "state.json")))!.AsObject();
            if ((int)state["schema"]! > Schema) throw new CheckpointException($"{path} was made by a newer Manifold (schema {state["schema"]}; this one reads up to {Schema}). Update Manifold.");
            var hashes = new Dictionary<string, string>();
            foreach (var (file, facts) in state["files"]!.AsObject())
            {
                using var stream = File.OpenRead(System.IO.Path.Combine(path, file));
                var hash = (string)facts!["sha256"]!;
                if (stream.Length != (long)facts["bytes"]! || Convert.ToHexStringLower(SHA256.HashData(stream)) != hash)
                    throw new InvalidDataException($"{file} has other bytes than when it was saved");
                hashes[file] = hash;
            }
            return new WholeCheckpoint(path, (long)state["examples_seen"]!, (double?)state["score"], hashes);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or JsonException or InvalidOperationException or NullReferenceException or FormatException or UnauthorizedAccessException)
        {
            if (Directory.Exists(path)) warn?.Invoke($"{path} is not whole and is passed over: {e.Message}");
            return null;
        }
    }
}
