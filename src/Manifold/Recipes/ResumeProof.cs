using Manifold.Checkpoints;
using Manifold.Engine;

namespace Manifold.Recipes;

/// <summary>What came of training straight and in pieces.</summary>
/// <param name="Examples">How many were trained on straight.</param>
/// <param name="Pieces">Where the second run was stopped and gone on with, in examples.</param>
/// <param name="LogLines">Lines of the log of the run that was trained straight.</param>
/// <param name="Differences">Files of the last checkpoint whose bytes differ, with the first byte that does, and the log's first line that differs; empty when the resume is exact.</param>
public sealed record ResumeVerdict(long Examples, IReadOnlyList<long> Pieces, IReadOnlyList<string> Files, int LogLines, IReadOnlyList<string> Differences)
{
    /// <summary>The log's file, as <see cref="Differences"/> name it.</summary>
    public const string Log = "stats.jsonl";

    public bool IsExact => Differences.Count == 0;
}

/// <summary>Trains the same recipe twice, once straight and once in pieces, and compares every byte of weights, averages, optimizers and state, and every line of the log.</summary>
public static class ResumeProof
{
    /// <param name="request">The recipe, its changes and device; its folder is not used.</param>
    /// <param name="examples">How many to train for; what is trained is cut at places that a seed decides.</param>
    /// <param name="folder">An empty folder for the two runs.</param>
    public static ResumeVerdict Run(TrainingRequest request, long examples, string folder, int pieces = 3)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(examples, 1);
        var changed = request with { Changes = [.. request.Changes, $"trainer.examples={examples}"] };
        string straight = Path.Combine(folder, "straight"), inPieces = Path.Combine(folder, "pieces");

        examples = Math.Min(examples, Train(changed with { Folder = straight }, stopAt: long.MaxValue));   // fewer where it stops on a plateau
        var stops = new List<long>();
        for (var piece = 1; piece < pieces; piece++)
            stops.Add(Train(changed with { Folder = inPieces }, stopAt: examples * piece / pieces + (long)((ulong)Seeds.At(piece, examples, "pieces") % (ulong)Math.Max(1, examples / (2 * pieces)))));
        Train(changed with { Folder = inPieces }, stopAt: long.MaxValue);

        return Compare(examples, stops, straight, inPieces);
    }

    /// <summary>Compares the last checkpoints and the logs of two runs.</summary>
    /// <param name="straight">The folder of the one that was trained straight.</param>
    /// <param name="inPieces">The folder of the other.</param>
    internal static ResumeVerdict Compare(long examples, IReadOnlyList<long> stops, string straight, string inPieces)
    {
        string a = Last(straight), b = Last(inPieces);
        if (Path.GetFileName(a) != Path.GetFileName(b)) return new ResumeVerdict(examples, stops, [], 0, [$"the one ended with {Path.GetFileName(a)}, the other with {Path.GetFileName(b)}"]);
        var files = Directory.GetFiles(a, "*.safetensors").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal).ToList();
        IReadOnlyList<string> log = LinesOf(straight), other = LinesOf(inPieces);
        return new ResumeVerdict(examples, stops, files, log.Count,
            [.. files.Select(file => Difference(file, Path.Combine(a, file), Path.Combine(b, file))).Append(Difference(log, other)).OfType<string>()]);
    }

    // How long a step took is no part of what it did.
    private static IReadOnlyList<string> LinesOf(string run) => [.. RegularFile.ReadLines(Path.Combine(run, ResumeVerdict.Log)).Select(line =>
    {
        var values = StrictJson.Parse(line, ResumeVerdict.Log, why => new CheckpointException(why)).Object();
        values.Remove("seconds");
        return values.ToJsonString();
    })];

    private static string? Difference(IReadOnlyList<string> a, IReadOnlyList<string> b)
    {
        var same = a.Zip(b).TakeWhile(pair => pair.First == pair.Second).Count();
        return same == a.Count && same == b.Count ? null
            : $"{ResumeVerdict.Log}: {a.Count:N0} and {b.Count:N0} lines, of which line {same + 1:N0} differs: {a.ElementAtOrDefault(same) ?? "none"} and {b.ElementAtOrDefault(same) ?? "none"}";
    }

    private static long Train(TrainingRequest request, long stopAt)
    {
        using var stop = new CancellationTokenSource();
        using var run = TrainingRun.Open(request);
        return run.Train(progress => { if (progress.ExamplesSeen >= stopAt) stop.Cancel(); }, stop.Token);
    }

    private static string Last(string run) => RunFolder.Read(run).Newest!.Path;

    private static string? Difference(string name, string a, string b)
    {
        byte[] x = File.ReadAllBytes(a), y = File.ReadAllBytes(b);
        var same = x.AsSpan().CommonPrefixLength(y);
        return same == x.Length && same == y.Length ? null : $"{name}: {x.Length:N0} and {y.Length:N0} bytes, the same up to byte {same:N0}";
    }
}
