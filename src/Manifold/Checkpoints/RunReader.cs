using System.Text;
using System.Text.Json.Nodes;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Checkpoints;

/// <summary>A run's folder as sampling and evaluation see it: nothing in it is changed but the metric lines added.</summary>
public sealed class RunReader
{
    private const long LargestConfig = 64 << 20;

    private readonly Action<string>? warn;
    private readonly HashSet<string> verified = [], broken = [];

    /// <param name="path">A run's folder, or one of its checkpoints.</param>
    /// <param name="warn">Told of every checkpoint that is not whole.</param>
    /// <exception cref="CheckpointException">There is no run there.</exception>
    public RunReader(string path, Action<string>? warn = null)
    {
        this.warn = warn;
        var isCheckpoint = RegularFile.KindOf(System.IO.Path.Combine(path, "state.json")) != FileKind.Missing;
        Path = isCheckpoint ? System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path).TrimEnd('/'))! : path;
        if (RegularFile.KindOf(System.IO.Path.Combine(Path, "config.json")) == FileKind.Missing)
            throw new CheckpointException($"{path} is not a run: it has no config.json. A run's folder is made by `./manifold train`, such as runs/00000-vae-bundled.");
        Checkpoints = Sound(Path, warn);
        if (isCheckpoint)
            Chosen = Checkpoints.FirstOrDefault(checkpoint => System.IO.Path.GetFullPath(checkpoint.Path) == System.IO.Path.GetFullPath(path).TrimEnd('/')) is { } named && IsWhole(named) ? named
                : throw new CheckpointException($"{path} is not whole: a file of it is missing or has other bytes than state.json says.");
    }

    public string Path { get; }

    /// <summary>The text of config.json.</summary>
    /// <exception cref="IOException">It is no regular file, or cannot be read.</exception>
    public string ConfigJson => Encoding.UTF8.GetString(RegularFile.ReadAll(System.IO.Path.Combine(Path, "config.json"), LargestConfig));

    /// <summary>Those whose state.json and sizes agree, oldest first; their hashes are not compared yet.</summary>
    public IReadOnlyList<WholeCheckpoint> Checkpoints { get; }

    /// <summary>The newest whose files have the bytes that were saved.</summary>
    public WholeCheckpoint? Newest => Checkpoints.Reverse().FirstOrDefault(IsWhole);

    /// <summary>The one with the best score among those whose files have the bytes that were saved.</summary>
    public WholeCheckpoint? Best => Ranked(Checkpoints).FirstOrDefault(IsWhole);

    /// <summary>The checkpoint that the path named, if it named one.</summary>
    public WholeCheckpoint? Chosen { get; }

    /// <summary>Copies a group's tensors into these; the group may hold more.</summary>
    /// <exception cref="CheckpointException">The file has other bytes than when it was saved, or does not fit.</exception>
    public static void Load(WholeCheckpoint checkpoint, string group, IReadOnlyDictionary<string, Tensor> tensors) =>
        SafeTensors.ReadInto(checkpoint.ReadGroup(group), tensors, System.IO.Path.Combine(checkpoint.Path, WholeCheckpoint.FileOf(group)), partial: true);

    /// <summary>The beginning of the SHA-256 of a group's file, for provenance.</summary>
    public static string Hash(WholeCheckpoint checkpoint, string group) => checkpoint.Hashes[WholeCheckpoint.FileOf(group)][..16];

    /// <summary>Adds a line to metric-NAME.jsonl.</summary>
    public void AppendMetric(string name, JsonObject line) =>
        RegularFile.Append(System.IO.Path.Combine(Path, $"metric-{name}.jsonl"), line.ToJsonString() + "\n");

    /// <summary>Checkpoints that have a score, the best first.</summary>
    internal static IEnumerable<WholeCheckpoint> Ranked(IEnumerable<WholeCheckpoint> checkpoints) =>
        checkpoints.Where(checkpoint => checkpoint.Score is not null).OrderBy(checkpoint => checkpoint.Score);

    /// <summary>The checkpoints of a folder whose state.json and sizes agree, oldest first.</summary>
    internal static IReadOnlyList<WholeCheckpoint> Sound(string run, Action<string>? warn) =>
        [.. WholeCheckpoint.Folders(run).Select(path => Checked(path, warn, () => WholeCheckpoint.Read(path))).OfType<WholeCheckpoint>()];

    /// <summary>The checkpoint if every file has the bytes that were saved; else null, and a warning.</summary>
    internal static WholeCheckpoint? Verified(WholeCheckpoint checkpoint, Action<string>? warn) => Checked(checkpoint.Path, warn, () =>
    {
        checkpoint.Verify();
        return checkpoint;
    });

    private bool IsWhole(WholeCheckpoint checkpoint)
    {
        if (!verified.Contains(checkpoint.Path) && !broken.Contains(checkpoint.Path))
            (Verified(checkpoint, warn) is null ? broken : verified).Add(checkpoint.Path);
        return verified.Contains(checkpoint.Path);
    }

    private static WholeCheckpoint? Checked(string path, Action<string>? warn, Func<WholeCheckpoint> read)
    {
        try { return read(); }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            if (RegularFile.KindOf(path) != FileKind.Missing) warn?.Invoke($"{path} is not whole and is passed over: {e.Message}");   // a run that goes on deletes old ones
            return null;
        }
    }
}
