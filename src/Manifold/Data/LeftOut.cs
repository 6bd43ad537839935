namespace Manifold.Data;

/// <summary>Entries of a data set that are left out for one reason.</summary>
/// <param name="Reason">In words: "hidden entries".</param>
/// <param name="Example">The first of them.</param>
public sealed record LeftOut(string Reason, int Count, string Example)
{
    /// <summary>Whether nothing that may be wanted is lost: hidden entries, and files that are no data.</summary>
    public bool IsExpected { get; init; }

    /// <summary>"left out 3: hidden entries (.git, ...)".</summary>
    public override string ToString() => $"left out {Count:N0}: {Reason} ({Example}{(Count > 1 ? ", ..." : "")})";
}

/// <summary>Counts what is left out of a set while it is read. Not for several threads.</summary>
internal sealed class LeftOutCounts
{
    public const string
        Hidden = "hidden entries",
        OtherFiles = "files that are no pictures",
        OtherPictures = "pictures of formats that are not read",
        Empty = "files that are empty or not regular",
        Unreadable = "pictures that cannot be read",
        LinkOut = "links that lead out of the set",
        LinkToNothing = "links that lead to no picture of the set",
        LinkToFolder = "links to folders",
        PathOut = "paths that lead out of the archive",
        Replaced = "entries that a later one of the same name replaces",
        NotUtf8 = "files whose names are not UTF-8",
        BesideSplits = "pictures beside the folders of splits",
        BesideClasses = "pictures beside the folders of classes",
        BesideFiles = "data beside the files of the set",
        OtherArrays = "arrays that are not read",
        Packed = "packed files whose unpacked twin is read";

    private readonly Dictionary<string, (int Count, string Example)> counts = [];

    public void Add(string reason, string name) => counts[reason] = counts.TryGetValue(reason, out var so) ? (so.Count + 1, so.Example) : (1, name);

    public void Add(LeftOut entry) => counts[entry.Reason] = (entry.Count + counts.GetValueOrDefault(entry.Reason).Count, counts.GetValueOrDefault(entry.Reason).Example ?? entry.Example);

    public IReadOnlyList<LeftOut> All =>
        [.. counts.Select(pair => new LeftOut(pair.Key, pair.Value.Count, pair.Value.Example) { IsExpected = pair.Key is Hidden or OtherFiles or Packed })];
}
