namespace Manifold.Data;

/// <summary>What a reader found in a set: the pictures of each split, and what is to be said of them.</summary>
/// <param name="Validation">Null where the set has none of its own; a tenth of train is taken.</param>
internal sealed record SplitSources(MemorySource Train, MemorySource? Validation = null, MemorySource? Test = null)
{
    /// <summary>Which files or folders the splits came from, in words.</summary>
    public string TrainFrom { get; init; } = "all of it";
    public string ValidationFrom { get; init; } = "";
    public string TestFrom { get; init; } = "";

    /// <summary>Whether the order is random already, so that the last tenth of train is a fair sample.</summary>
    public bool IsInRandomOrder { get; init; }

    /// <summary>Whether the order tells something: pictures stand in the order of their names.</summary>
    public bool IsInNamedOrder { get; init; }

    public IReadOnlyList<string> ClassNames { get; init; } = [];
    public IReadOnlyList<LeftOut> LeftOut { get; init; } = [];

    /// <summary>Sentences on the layout that a user should read.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The splits that there are.</summary>
    public IEnumerable<MemorySource> Sources => new[] { Train, Validation, Test }.OfType<MemorySource>();
}

/// <summary>Where a split of a set comes from.</summary>
/// <param name="Split">train, validation or test.</param>
/// <param name="From">Files or folders: "training/", "a tenth of train-images-idx3-ubyte.gz".</param>
public sealed record SplitOrigin(string Split, int Count, string From);
