using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Manifold.Training;

namespace Manifold.Checkpoints;

/// <summary>
/// One run, one folder, and the only thing that writes it: config.json, environment.json, stats.jsonl, pictures,
/// checkpoint-000000012800/ and its card. Every write is whole or absent; while it is open no other process may train in it.
/// </summary>
public sealed class RunFolder : IRunStore, IDisposable
{
    private readonly FileStream guard;
    private readonly Action<string> warn;
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private TensorBoardLog? events;

    private RunFolder(string path, FileStream guard, Action<string> warn) => (Path, this.guard, this.warn) = (path, guard, warn);

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
    /// <exception cref="CheckpointException">Another process trains there, or it cannot be written.</exception>
    public static RunFolder Open(string path, Action<string>? warn = null)
    {
        Writable(path, () => Directory.CreateDirectory(path));
        var file = System.IO.Path.Combine(path, ".lock");
        FileStream guard;
        try
        {
            guard = new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);   // the system lets go of it when the process ends, however it ends
        }
        catch (IOException e) when (File.Exists(file))
        {
            throw new CheckpointException($"{path} is in use: another process trains there. Wait for it, stop it, or name another folder with --run.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CheckpointException.NotWritten(file, e);
        }
        AtomicFile.Sweep(path);
        return new RunFolder(path, guard, warn ?? (_ => { }));
    }

    /// <summary>Opens a folder to sample and evaluate from.</summary>
    public static RunReader Read(string path, Action<string>? warn = null) => new(path, warn);

    public void WriteConfig(JsonObject config) => WriteJson("config.json", config);
    public void WriteEnvironment(JsonObject environment) => WriteJson("environment.json", environment);

    /// <summary>Writes the folder's README.md.</summary>
    public void WriteCard(string markdown) => AtomicFile.Write(System.IO.Path.Combine(Path, "README.md"), Encoding.UTF8.GetBytes(markdown));

    /// <summary>Adds a line to stats.jsonl. JSON has no NaN: such a value is written as null.</summary>
    public void Log(long examplesSeen, IReadOnlyDictionary<string, double> values)
    {
        var line = new JsonObject { ["examples"] = examplesSeen, ["seconds"] = Math.Round(clock.Elapsed.TotalSeconds, 3) };
        foreach (var (name, value) in values) line[name] = double.IsFinite(value) ? value : null;
        try
        {
            File.AppendAllText(Stats, line.ToJsonString() + "\n");
            Events.Scalars(examplesSeen, values);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CheckpointException.NotWritten(Stats, e);
        }
    }

    /// <summary>Adds a line of advice to stats.jsonl: {"examples": 12800, "advice": "generator_collapse", "sentence": "..."}.</summary>
    public void Note(long examplesSeen, Advice advice)
    {
        try { File.AppendAllText(Stats, new JsonObject { ["examples"] = examplesSeen, ["advice"] = advice.Name, ["sentence"] = advice.Sentence }.ToJsonString() + "\n"); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw CheckpointException.NotWritten(Stats, e); }
    }

    /// <summary>Keeps a picture, and shows it in TensorBoard.</summary>
    /// <param name="file">Its file's name.</param>
    /// <param name="tag">Its name in TensorBoard, the same at every look.</param>
    public void Picture(string file, string tag, long examplesSeen, byte[] png)
    {
        AtomicFile.Write(System.IO.Path.Combine(Path, file), png);
        Events.Picture(examplesSeen, tag, png);
    }

    /// <summary>Writes the checkpoint beside the others, puts it in its place in one step, and only then lets old ones go.</summary>
    public void Save(long examplesSeen, TensorGroups tensors, double? score)
    {
        AtomicFile.WriteFolder(CheckpointPath(examplesSeen), part =>
        {
            var files = new JsonObject();
            foreach (var (group, values) in tensors.Groups)
            {
                var content = SafeTensors.Write(values);
                AtomicFile.WriteFlushed(System.IO.Path.Combine(part, $"{group}.safetensors"), content);
                files[$"{group}.safetensors"] = new JsonObject { ["bytes"] = content.Length, ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(content)) };
            }
            var state = new JsonObject { ["schema"] = RunReader.Schema, ["examples_seen"] = examplesSeen, ["score"] = score is { } s && double.IsFinite(s) ? s : null, ["files"] = files };
            AtomicFile.WriteFlushed(System.IO.Path.Combine(part, "state.json"), Encoding.UTF8.GetBytes(state.ToJsonString(Indented)));
        });
        LetGo();
    }

    /// <summary>Loads the newest whole checkpoint, and cuts the log back to it.</summary>
    /// <returns>The examples that had been seen; null if there is no checkpoint.</returns>
    /// <exception cref="CheckpointException">There are checkpoints and none is whole, or the newest does not fit these tensors.</exception>
    public long? Resume(TensorGroups tensors)
    {
        var newest = RunReader.Whole(Path, warn).LastOrDefault();
        if (newest is null)
        {
            if (Directory.EnumerateDirectories(Path, "checkpoint-????????????").Any())
                throw new CheckpointException($"{Path} has checkpoints, and none is whole. Restore one, or start a new folder: nothing here is begun again over them.");
            CutBack(-1);
            return null;
        }
        foreach (var (group, values) in tensors.Groups)
        {
            if (tensors.MayLack.Contains(group) && !newest.Hashes.ContainsKey($"{group}.safetensors")) continue;
            var file = System.IO.Path.Combine(newest.Path, $"{group}.safetensors");
            SafeTensors.ReadInto(File.ReadAllBytes(file), values, file);
        }
        CutBack(newest.ExamplesSeen);
        return newest.ExamplesSeen;
    }

    public void Dispose()
    {
        events?.Dispose();
        guard.Dispose();
    }

    private string Stats => System.IO.Path.Combine(Path, "stats.jsonl");
    private TensorBoardLog Events => events ??= new TensorBoardLog(Path);
    private string CheckpointPath(long examplesSeen) => System.IO.Path.Combine(Path, $"checkpoint-{examplesSeen:D12}");
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private void WriteJson(string name, JsonObject value) =>
        AtomicFile.Write(System.IO.Path.Combine(Path, name), Encoding.UTF8.GetBytes(value.ToJsonString(Indented) + "\n"));

    // The last two stay, the best, and every Nth. What is not whole counts for nothing and stays for whoever wants to look.
    private void LetGo()
    {
        var whole = RunReader.Whole(Path, warn);
        var best = whole.Where(checkpoint => checkpoint.Score is not null).MinBy(checkpoint => checkpoint.Score);
        foreach (var old in whole.SkipLast(2))
            if (old != best && !(KeepEvery is { } every && old.ExamplesSeen % every == 0)) AtomicFile.DeleteFolder(old.Path);
    }

    // Lines of steps that will be taken again, and a last line that a kill has torn, go.
    private void CutBack(long examplesSeen)
    {
        if (File.Exists(Stats))
        {
            var kept = File.ReadLines(Stats).Where(line => Examples(line) is { } examples && examples <= examplesSeen).ToList();
            AtomicFile.Write(Stats, Encoding.UTF8.GetBytes(string.Concat(kept.Select(line => line + "\n"))));
        }
        if (examplesSeen >= 0) Events.Restart(examplesSeen);
    }

    private static long? Examples(string line)
    {
        try { return (long?)JsonNode.Parse(line)?["examples"]; }
        catch (JsonException) { return null; }
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
