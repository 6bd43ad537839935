using System.Text.RegularExpressions;

namespace Manifold.Data;

/// <summary>The three splits of a data set.</summary>
internal enum SplitKind { Train, Validation, Test }

/// <summary>Which names of files, folders and arrays mean which split. Letter case does not matter.</summary>
internal static partial class SplitNames
{
    private static readonly (SplitKind Kind, string[] Words)[] table =
    [
        (SplitKind.Train, ["train", "training"]),
        (SplitKind.Validation, ["val", "valid", "validation", "dev"]),
        (SplitKind.Test, ["test", "testing", "t10k"]),
    ];

    /// <summary>The split that a name says by one of its words: "emnist-letters-train-images-idx3-ubyte.gz", "x_val", "testImages", "val2017".</summary>
    /// <returns>Null if it names no split, or several.</returns>
    public static SplitKind? Of(string name)
    {
        if (name.StartsWith("data_batch", StringComparison.OrdinalIgnoreCase)) return SplitKind.Train;   // CIFAR's name for it
        var kinds = Word().Matches(name).Select(word => OfWord(word.Value)).OfType<SplitKind>().Distinct().ToList();
        return kinds.Count == 1 ? kinds[0] : null;
    }

    /// <summary>The split that a name says as a whole: "train", "Testing". A folder so named is a split; "test tube" may be a class.</summary>
    public static SplitKind? OfWord(string name)
    {
        foreach (var (kind, words) in table)
            if (words.Contains(name, StringComparer.OrdinalIgnoreCase)) return kind;
        return null;
    }

    /// <summary>The domain of a name of image translation's layout, A of "trainA" and "test_a"; null if it is no such name.</summary>
    public static char? DomainOf(string name) =>
        Domain().Match(name) is { Success: true } match && OfWord(match.Groups["split"].Value) is not null
            ? char.ToUpperInvariant(match.Groups["domain"].Value[0]) : null;

    // Letters of one case, or a capital and small letters; so digits, signs and humps part words.
    [GeneratedRegex("[tT]10[kK]|[A-Z]+(?![a-z])|[A-Z]?[a-z]+")]
    private static partial Regex Word();

    [GeneratedRegex("^(?<split>[A-Za-z]+?)[-_ ]?(?<domain>[A-Za-z])(\\.[A-Za-z.]+)?$")]
    private static partial Regex Domain();
}
