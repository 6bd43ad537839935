using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Manifold.Engine;
using Manifold.Training;
using Microsoft.Win32.SafeHandles;

namespace Manifold.Checkpoints;

/// <summary>
/// One run, one folder, and the only thing that writes it: config.json, environment.json, stats.jsonl, pictures,
/// checkpoint-000000012800/ and its card. Every write is whole or absent; while it is open no other process may train in it.
/// </summary>
public sealed partial class RunFolder : IRunStore, IDisposable
{
    private const int InUse = 11;                           // EWOULDBLOCK, of flock: another process holds the lock

    private readonly SafeFileHandle held;                   // the folder itself, so that a new one does not get its inode
    private readonly (ulong Device, ulong Inode)? folder;
    private FileStream guard;
    private (ulong Device, ulong Inode)? guarded;
    private readonly Action<string> warn;
    private readonly Stopwatch clock = Stopwatch.StartNew();
    // oldest first; what was saved or found here, so that a save reads no other checkpoint
    private List<WholeCheckpoint>? kept;
    private TensorBoardLog? events;

    private RunFolder(string path, FileStream guard, Action<string> warn) =>
        (Path, this.guard, guarded, held, folder, this.warn) =
            (path, guard, RegularFile.Identity(guard.Name), AtomicFile.Hold(path), IdentityOfFolder(path), warn);

    public string Path { get; }

    /// <summary>Checkpoints at multiples of this many examples stay; beside them the last two and the best.</summary>
    public long? KeepEvery { get; set; }

    /// <summary>Makes the next numbered folder, such as runs/00003-vae-bundled.</summary>
    public static RunFolder Create(string root, string name, Action<string>? warn = null)
    {
        Writable(root, () => Directory.CreateDirectory(root));
        for (var number = NextNumber(root); ; number++)
        {
            var path = System.IO.Path.Combine(root, $"{number:D5}-{name}");
            if (!Directory.Exists(path)) return Open(path, warn);   // a race for the number is settled by the lock: the loser is refused
        }
    }

    /// <summary>Opens a folder to train in, or makes it.</summary>
    /// <exception cref="CheckpointException">Another process trains there, it cannot be written, or
    /// <see cref="ExpectNewOrWhole"/> refuses it.</exception>
    public static RunFolder Open(string path, Action<string>? warn = null)
    {
        ExpectNewOrWhole(path);
        Writable(path, () => Directory.CreateDirectory(path));
        var guard = Lock(path, FileMode.OpenOrCreate);
        AtomicFile.Sweep(path, name => OwnFile().IsMatch(name), WholeCheckpoint.IsNameOfOne);
        return new RunFolder(path, guard, warn ?? (_ => { }));
    }

    // The files that a run writes as a whole.
    [GeneratedRegex(@"^(config\.json|environment\.json|stats\.jsonl|README\.md|reals\.png|fakes[0-9]{6,}\.png)\z")]
    private static partial Regex OwnFile();

    private static FileStream Lock(string path, FileMode mode)
    {
        var file = System.IO.Path.Combine(path, ".lock");
        try
        {
            RegularFile.ExpectRegularOrMissing(file);
            // The system lets go of it when the process ends, however it ends.
            return new FileStream(file, mode, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e.HResult == InUse)
        {
            throw new CheckpointException($"{path} is in use: another process trains there. Wait for it, stop it, or name another folder with --run.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CheckpointException.NotWritten(file, e);
        }
    }

    /// <summary>Refuses to train where neither a new run can begin nor an old one go on: inside a checkpoint, where there are
    /// checkpoints or a log and no config.json, and where the log goes on beyond 0 and every checkpoint is lost.</summary>
    /// <exception cref="CheckpointException">It is such a folder.</exception>
    public static void ExpectNewOrWhole(string path)
    {
        if (HasConfig(path))
        {
            ExpectCheckpointOfTheLog(path);
            return;
        }
        ExpectOutsideOfCheckpoints(path);
        ExpectConfigOfWhatIsThere(path);
    }

    private static bool HasConfig(string path) =>
        RegularFile.KindOf(System.IO.Path.Combine(path, "config.json")) != FileKind.Missing;

    // An old checkpoint is deleted with all that is in it.
    private static void ExpectOutsideOfCheckpoints(string path)
    {
        var inside = System.IO.Path.GetFullPath(path).TrimEnd('/');
        for (; System.IO.Path.GetDirectoryName(inside) is { } run; inside = run)
        {
            var isCheckpoint = WholeCheckpoint.IsNameOfOne(System.IO.Path.GetFileName(inside))
                || RegularFile.KindOf(System.IO.Path.Combine(inside, "state.json")) != FileKind.Missing;
            if (isCheckpoint && HasConfig(run))
                throw new CheckpointException(
                    $"{path} is a checkpoint of the run {run}, or inside one, and no run can begin there. " +
                    $"Name the run's folder to go on with it (--run {ShellText.QuotedPath(run)}), " +
                    "or another folder for a new run.");
        }
    }

    // A run saves before its first step, so a log beyond 0 is of checkpoints that were there.
    private static void ExpectCheckpointOfTheLog(string path)
    {
        var log = System.IO.Path.Combine(path, "stats.jsonl");
        if (WholeCheckpoint.Folders(path).Count > 0 || RegularFile.KindOf(log) == FileKind.Missing) return;
        if (RegularFile.ReadLines(log).Max(ExamplesOrNone) is not (> 0 and var seen)) return;
        throw new CheckpointException(
            $"{path} has no checkpoint, and its log goes on to {seen:N0} examples: the checkpoints were deleted or moved. " +
            "Restore one to go on with this run, or start a new run in another folder with --run. " +
            "Nothing is begun again over this log.");
    }

    private static long? ExamplesOrNone(string line)
    {
        try { return StrictJson.Parse(line, "stats.jsonl", why => new InvalidDataException(why))["examples"].Count(); }
        catch (InvalidDataException) { return null; }       // torn by a kill, and it is left out when the run goes on
    }

    // Nothing says what they are of, and a new run would go on from them.
    private static void ExpectConfigOfWhatIsThere(string path)
    {
        if (!Directory.Exists(path)) return;
        var left = Directory.EnumerateFileSystemEntries(path).Select(entry => System.IO.Path.GetFileName(entry))
            .Where(name => AtomicFile.UnfinishedOf(name) is null).Order(StringComparer.Ordinal)
            .FirstOrDefault(IsOfARun);
        if (left is not null)
            throw new CheckpointException(
                $"{path} has {left} and no config.json, which says of what run it is. " +
                "Restore config.json to go on with that run, or name another folder with --run.");
    }

    private static bool IsOfARun(string name) =>
        name is "stats.jsonl" or "state.json" || name.EndsWith(".safetensors", StringComparison.Ordinal)
        || name.StartsWith("checkpoint-", StringComparison.Ordinal) || name.StartsWith("metric-", StringComparison.Ordinal);

    /// <summary>Opens a folder to sample and evaluate from.</summary>
    public static RunReader Read(string path, Action<string>? warn = null) => new(path, warn);

    public void WriteConfig(JsonObject config) => WriteJson("config.json", config);
    public void WriteEnvironment(JsonObject environment) => WriteJson("environment.json", environment);

    /// <summary>Writes the folder's README.md.</summary>
    public void WriteCard(string markdown) => Write("README.md", Encoding.UTF8.GetBytes(markdown));

    /// <summary>Adds a line to stats.jsonl. JSON has no NaN: such a value is written as null.</summary>
    public void Log(long examplesSeen, IReadOnlyDictionary<string, double> values)
    {
        var line = new JsonObject { ["examples"] = examplesSeen, ["seconds"] = Math.Round(clock.Elapsed.TotalSeconds, 3) };
        foreach (var (name, value) in values) line[name] = double.IsFinite(value) ? value : null;
        AppendToLog(line);
        Writable(Path, () => Events.Scalars(examplesSeen, values));
    }

    /// <summary>Adds a line of advice to stats.jsonl: {"examples": 12800, "advice": "generator_collapse", "sentence": "..."}.</summary>
    public void Note(long examplesSeen, Advice advice) =>
        AppendToLog(new JsonObject { ["examples"] = examplesSeen, ["advice"] = advice.Name, ["sentence"] = advice.Sentence });

    /// <summary>Keeps a picture, and shows it in TensorBoard.</summary>
    /// <param name="file">Its file's name.</param>
    /// <param name="tag">Its name in TensorBoard, the same at every look.</param>
    public void Picture(string file, string tag, long examplesSeen, byte[] png)
    {
        Write(file, png);
        Writable(Path, () => Events.Picture(examplesSeen, tag, png));
    }

    /// <summary>Writes the checkpoint beside the others, puts it in its place in one step, and only then deletes old
    /// ones.</summary>
    public void Save(long examplesSeen, TensorGroups tensors, double? score)
    {
        ExpectInPlace();
        var path = CheckpointPath(examplesSeen);
        var files = new Dictionary<string, (long Bytes, string Hash)>();
        AtomicFile.WriteFolder(path, part =>
        {
            foreach (var (group, values) in tensors.Groups)
            {
                var (name, content) = (WholeCheckpoint.FileOf(group), SafeTensors.Write(values));
                AtomicFile.WriteFlushed(System.IO.Path.Combine(part, name), content);
                files[name] = (content.Length, Convert.ToHexStringLower(SHA256.HashData(content)));
            }
            var state = WholeCheckpoint.State(examplesSeen, score, files, tensors.Pending);
            AtomicFile.WriteFlushed(System.IO.Path.Combine(part, "state.json"), state);
        });
        var finite = score is { } s && double.IsFinite(s) ? score : null;
        Kept.RemoveAll(checkpoint => checkpoint.ExamplesSeen == examplesSeen);
        Kept.Add(new WholeCheckpoint(path, examplesSeen, finite, files.ToDictionary(file => file.Key, file => file.Value.Hash)));
        Kept.Sort((a, b) => a.ExamplesSeen.CompareTo(b.ExamplesSeen));
        Prune();
    }

    /// <summary>Loads the newest whole checkpoint, and cuts the log back to it.</summary>
    /// <returns>The examples that had been seen; null if there is no checkpoint.</returns>
    /// <exception cref="CheckpointException">There are checkpoints and none is whole, or the newest does not fit these tensors
    /// or has numbers that are not finite.</exception>
    public long? Resume(TensorGroups tensors)
    {
        var seen = Load(tensors);
        if (seen is { } at && tensors.FirstNonFinite() is { } bad)
            throw new CheckpointException(
                $"{CheckpointPath(at)} cannot be gone on from: {bad} is NaN or infinite. " +
                "Delete that folder to go on from the checkpoint before it, or start a new run with --run.");
        TruncateLog(seen ?? -1);
        return seen;
    }

    /// <summary>Loads the newest whole checkpoint, and leaves the log as it is.</summary>
    /// <returns>The examples that had been seen; null if there is no checkpoint.</returns>
    /// <exception cref="CheckpointException">There are checkpoints and none is whole, or the newest does not fit these
    /// tensors.</exception>
    public long? Load(TensorGroups tensors)
    {
        while (Kept is [.., var last] && RunReader.Verified(last, warn) is null) Kept.Remove(last);
        if (Kept is not [.., var newest])
        {
            if (WholeCheckpoint.Folders(Path).Count > 0)
                throw new CheckpointException($"{Path} has checkpoints, and none is whole. Restore one, or start a new folder: nothing here is begun again over them.");
            return null;
        }
        foreach (var (group, values) in tensors.Groups)
        {
            if (tensors.MayLack.Contains(group) && !newest.Hashes.ContainsKey(WholeCheckpoint.FileOf(group))) continue;
            var file = System.IO.Path.Combine(newest.Path, WholeCheckpoint.FileOf(group));
            SafeTensors.ReadInto(newest.ReadGroup(group), values, file);
        }
        tensors.Pending = newest.Pending;
        return newest.ExamplesSeen;
    }

    public void Dispose()
    {
        events?.Dispose();
        guard.Dispose();
        held.Dispose();
    }

    private string Stats => System.IO.Path.Combine(Path, "stats.jsonl");
    private TensorBoardLog Events => events ??= new TensorBoardLog(Path);
    private List<WholeCheckpoint> Kept => kept ??= [.. RunReader.Sound(Path, warn)];
    private string CheckpointPath(long examplesSeen) => System.IO.Path.Combine(Path, WholeCheckpoint.FolderOf(examplesSeen));
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private void WriteJson(string name, JsonObject value) =>
        Write(name, Encoding.UTF8.GetBytes(value.ToJsonString(Indented) + "\n"));

    private void Write(string name, byte[] content)
    {
        ExpectInPlace();
        AtomicFile.Write(System.IO.Path.Combine(Path, name), content);
    }

    private void AppendToLog(JsonObject line)
    {
        ExpectInPlace();
        Writable(Stats, () => RegularFile.Append(Stats, line.ToJsonString() + "\n"));
    }

    // A folder that was deleted or moved away would otherwise be made again, with a part of the run in it.
    private void ExpectInPlace()
    {
        if (IdentityOfFolder(Path) != folder)
            throw new CheckpointException(
                $"{Path} was deleted, moved or replaced while this run was training in it. Nothing more is written there. " +
                "Move it back to go on with it, or train again in another folder.");
        var found = RegularFile.Identity(guard.Name);
        if (found == guarded) return;
        if (found is not null)
            throw new CheckpointException(
                $"{guard.Name} was replaced while this run was training, perhaps by another process that trains in {Path}. " +
                "Nothing more is written there. Stop that process, and go on from the last checkpoint with the same command.");
        LockAgain();
    }

    // Without its lock the folder is open to a second process; one that makes it first is heard of here, and nothing is written.
    private void LockAgain()
    {
        var again = Lock(Path, FileMode.CreateNew);
        guard.Dispose();
        (guard, guarded) = (again, RegularFile.Identity(again.Name));
        warn(
            $"{guard.Name} was deleted while this run was training, and is made again. " +
            $"It keeps other processes out of {Path}: leave it there.");
    }

    // Of what a link leads to, where the folder is named by a link.
    private static (ulong Device, ulong Inode)? IdentityOfFolder(string path) =>
        RegularFile.Identity(System.IO.Path.Combine(path, "."));

    // The last two stay, the best, and every Nth. What is not whole counts for nothing and stays for whoever wants to look.
    private void Prune()
    {
        var best = RunReader.Ranked(Kept).FirstOrDefault();
        bool IsKept(WholeCheckpoint old) => old == best || KeepEvery is { } every && old.ExamplesSeen % every == 0;
        foreach (var old in Kept.SkipLast(2).Where(old => !IsKept(old)).ToList())
        {
            if (Directory.Exists(old.Path)) AtomicFile.DeleteFolder(old.Path);
            Kept.Remove(old);
        }
    }

    // Lines of steps that will be taken again, and a last line that a kill has torn, are removed.
    private void TruncateLog(long examplesSeen)
    {
        if (RegularFile.KindOf(Stats) != FileKind.Missing)
        {
            var lines = new StringBuilder();
            foreach (var (number, line) in RegularFile.ReadLines(Stats).Index())
                if (Examples(line, number + 1) is { } examples && examples <= examplesSeen) lines.Append(line).Append('\n');
            AtomicFile.Write(Stats, Encoding.UTF8.GetBytes(lines.ToString()));
        }
        if (examplesSeen >= 0 || Directory.EnumerateFiles(Path, TensorBoardLog.Pattern).Any())
            Writable(Path, () => Events.Restart(examplesSeen));
    }

    private long? Examples(string line, int number)
    {
        try
        {
            return StrictJson.Parse(line, $"{Stats}, line {number}", why => new InvalidDataException(why))["examples"].Count();
        }
        catch (InvalidDataException e)
        {
            warn($"A line of the log is left out: {e.Message}");
            return null;
        }
    }

    private static int NextNumber(string root) =>
        Directory.EnumerateDirectories(root).Select(path => System.IO.Path.GetFileName(path))
            .Select(name => int.TryParse(name.Split('-')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1)
            .DefaultIfEmpty(-1).Max() + 1;

    private static void Writable(string path, Action make)
    {
        try { make(); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw CheckpointException.NotWritten(path, e); }
    }
}
