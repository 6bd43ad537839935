using System.Text.RegularExpressions;

namespace Manifold.Data;

/// <summary>The three splits of a data set.</summary>
internal enum SplitKind { Train, Validation, Test }

/// <summary>Which names of files, folders and arrays mean which split: the one rule for folders, archives, idx, NumPy, Parquet and CIFAR.</summary>
/// <remarks>
/// <code>
/// here                          train                validation            test
/// train, validation, test       train                validation            test
/// train, test                   nine tenths of it    a tenth of train      test
/// train, validation             train                validation            none: evaluation takes validation
/// one file, or one split alone  nine tenths of it    a tenth of it         none
/// trainA, trainB, ...           refused: two domains; the path of one side is the way out
/// anything else                 refused, with what it has and what it needs
/// </code>
/// The tenth is drawn by a fixed seed. Letter case does not matter.
/// </remarks>
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

    /// <summary>The words of a name, in small letters: train, images, idx and ubyte of "train-images-idx3-ubyte".</summary>
    public static IReadOnlyList<string> Words(string name) => [.. Word().Matches(name).Select(word => word.Value.ToLowerInvariant())];

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

    /// <summary>Sorts the files of pictures of one set to splits.</summary>
    /// <param name="set">The folder, for messages.</param>
    /// <param name="names">Below the folder, with forward slashes. A name that says nothing may lie in a folder that does.</param>
    /// <param name="canBeJoined">Whether several files can make one split, as the shards of a table do.</param>
    /// <exception cref="DataException">They cannot be told apart; the message says what there is and what it needs.</exception>
    public static IReadOnlyDictionary<string, SplitKind> OfFiles(string set, IReadOnlyList<string> names, bool canBeJoined)
    {
        ExpectOneDomain(set, [.. names.Select(name => name.Split('/')[^1])]);
        if (names.Count == 1) return new Dictionary<string, SplitKind> { [names[0]] = SplitKind.Train };

        var kinds = names.ToDictionary(name => name, name => Of(name.Split('/')[^1]) ?? OfFolderAbove(name));
        var isSaid = kinds.Values.Any(kind => kind is not null);
        if (canBeJoined && kinds.Values.Distinct().Count() == 1) return names.ToDictionary(name => name, _ => SplitKind.Train);
        if (!isSaid || kinds.Values.Any(kind => kind is null)) throw NotUnderstood(set, names);
        if (!kinds.ContainsValue(SplitKind.Train)) throw NoTraining(set, names);
        if (!canBeJoined) ExpectOneEach(set, kinds.Select(pair => (pair.Key, pair.Value!.Value)));
        return kinds.ToDictionary(pair => pair.Key, pair => pair.Value!.Value);
    }

    /// <summary>Sorts the folders of pictures that lie beside one another to splits; null where they are no splits but classes.</summary>
    /// <exception cref="DataException">They are a mixture, or two domains; the message says what there is and what it needs.</exception>
    public static IReadOnlyDictionary<string, SplitKind>? OfFolders(string set, IReadOnlyList<string> names)
    {
        ExpectOneDomain(set, names);
        var kinds = names.Select(name => (Name: name, Kind: Of(name))).ToList();
        var isWhole = names.Any(name => OfWord(name) is not null);
        var isPair = kinds.Any(pair => pair.Kind == SplitKind.Train) && kinds.Any(pair => pair.Kind is SplitKind.Validation or SplitKind.Test);
        if (!isWhole && !isPair) return null;

        if (kinds.Any(pair => pair.Kind is null)) throw Mixed(set, names, kinds.Where(pair => pair.Kind is null).Select(pair => pair.Name));
        if (names.Count == 1) return new Dictionary<string, SplitKind> { [names[0]] = SplitKind.Train };
        if (!kinds.Any(pair => pair.Kind == SplitKind.Train)) throw NoTraining(set, names);
        ExpectOneEach(set, kinds.Select(pair => (pair.Name, pair.Kind!.Value)));
        return kinds.ToDictionary(pair => pair.Name, pair => pair.Kind!.Value);
    }

    /// <exception cref="DataException">The names are of two domains, as image translation has them.</exception>
    public static void ExpectOneDomain(string set, IReadOnlyCollection<string> names)
    {
        var domains = names.Where(name => DomainOf(name) is not null).Order(StringComparer.Ordinal).ToList();
        if (domains.Select(DomainOf).Distinct().Count() < 2) return;
        var side = domains.FirstOrDefault(name => OfWord(Domain().Match(name).Groups["split"].Value) == SplitKind.Train) ?? domains[0];
        throw new DataException($"{set} has {string.Join(", ", domains)}: pictures of two domains, for translation from one to the other. " +
            $"A set here is of one domain: {WayTo(set, side)}.");
    }

    /// <summary>How to open one part of a set alone: its path, after unpacking where the set is an archive.</summary>
    public static string WayTo(string set, string part) => Directory.Exists(set)
        ? $"give the path of one, such as {Path.Combine(set, part)}"
        : $"unpack it and give the path of one, such as {part}";

    private static SplitKind? OfFolderAbove(string name) =>
        name.Split('/')[..^1].Reverse().Select(OfWord).FirstOrDefault(kind => kind is not null);

    private static void ExpectOneEach(string set, IEnumerable<(string Name, SplitKind Kind)> pairs)
    {
        if (pairs.GroupBy(pair => pair.Kind, pair => pair.Name).FirstOrDefault(group => group.Count() > 1) is not { } several) return;
        throw new DataException($"{set} has {string.Join(" and ", several)}, which both name the {Said(several.Key)} split. " +
            "Keep the ones that belong together in a folder of their own.");
    }

    private static DataException NotUnderstood(string set, IReadOnlyList<string> names) =>
        new($"{set} has {Listed(names)}, whose names do not all say a split: train, validation (val, valid, dev) or test. " +
            "Rename them, or give the path of the one to train on.");

    private static DataException NoTraining(string set, IReadOnlyList<string> names) =>
        new($"{set} has {Listed(names)}, and none of them is to train on. Name one train, or give the path of the one to train on.");

    private static DataException Mixed(string set, IReadOnlyList<string> names, IEnumerable<string> others) =>
        new($"{set} has {Listed([.. names.Where(name => Of(name) is not null)])}, which name splits, beside {Listed([.. others])}, which do not. " +
            $"To train on one of them, {WayTo(set, names.FirstOrDefault(name => Of(name) == SplitKind.Train) ?? names[0])}; " +
            "move away or rename what is no split, or rename the split if it is a class.");

    private static string Said(SplitKind kind) => kind switch { SplitKind.Train => "training", SplitKind.Validation => "validation", _ => "test" };

    private static string Listed(IReadOnlyList<string> names)
    {
        const int shown = 6;
        return string.Join(", ", names.Take(shown)) + (names.Count > shown ? $" and {names.Count - shown:N0} more" : "");
    }

    // Letters of one case, or a capital and small letters; so digits, signs and humps part words.
    [GeneratedRegex("[tT]10[kK]|[A-Z]+(?![a-z])|[A-Z]?[a-z]+")]
    private static partial Regex Word();

    [GeneratedRegex("^(?<split>[A-Za-z]+?)[-_ ]?(?<domain>[ABab])(\\.[A-Za-z.]+)?$")]
    private static partial Regex Domain();
}
