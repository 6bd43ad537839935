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
/// one/train, two/train          refused: two configurations; the path of one is the way out
/// anything else                 refused, with what it has and what it needs
/// </code>
/// The tenth is drawn by a fixed seed. Letter case does not matter. Digits do not matter: train2017 and train1 are train.
/// A word of the table may be joined to a general word: trainset, testdata.
/// </remarks>
internal static partial class SplitNames
{
    private static readonly (SplitKind Kind, string[] Words)[] table =
    [
        (SplitKind.Train, ["train", "training"]),
        (SplitKind.Validation, ["val", "valid", "validation", "dev"]),
        (SplitKind.Test, ["test", "testing", "t10k"]),
    ];

    // They say nothing about what is in a file or folder: test_images and testset are test, test_tube may be a class.
    private static readonly string[] general = ["set", "data", "dataset", "image", "images", "img", "imgs", "file", "files", "picture", "pictures", "photo", "photos"];

    /// <summary>The split that a name says by one of its words: "emnist-letters-train-images-idx3-ubyte.gz", "x_val", "testImages", "val2017".</summary>
    /// <returns>Null if it names no split, or several.</returns>
    public static SplitKind? Of(string name)
    {
        if (name.StartsWith("data_batch", StringComparison.OrdinalIgnoreCase)) return SplitKind.Train;   // CIFAR's name for it
        var kinds = Words(name).Select(OfOneWord).OfType<SplitKind>().Distinct().ToList();
        return kinds.Count == 1 ? kinds[0] : null;
    }

    /// <summary>The words of a name, in small letters: train, images, idx and ubyte of "train-images-idx3-ubyte".</summary>
    public static IReadOnlyList<string> Words(string name) => [.. Word().Matches(name).Select(word => word.Value.ToLowerInvariant())];

    /// <summary>The split that a name says as a whole: "train", "Testing", "test_images", "val2017". A folder so named is a split; "test tube" may be a class.</summary>
    public static SplitKind? OfWord(string name)
    {
        var part = LastPart(name);
        var isPlain = part.All(letter => char.IsAsciiLetter(letter) || !char.IsLetter(letter));
        return isPlain && Words(part).All(word => OfOneWord(word) is not null || general.Contains(word)) ? Of(part) : null;
    }

    /// <summary>The split that the last folder of a path says by one of its words.</summary>
    public static SplitKind? OfFolder(string path) => Of(LastPart(path));

    /// <summary>Whether a name has general words alone: "images", "data set".</summary>
    public static bool IsGeneral(string name) => Words(name) is { Count: > 0 } words && words.All(word => general.Contains(word));

    /// <summary>Whether names beside one another are of several splits: as whole names, or all of them by a word.</summary>
    public static bool AreSplits(IReadOnlyCollection<string> names) =>
        AreSeveral(names.Select(OfWord)) || names.All(name => OfFolder(name) is not null) && AreSeveral(names.Select(OfFolder));

    /// <summary>Whether there are several splits among these.</summary>
    public static bool AreSeveral(IEnumerable<SplitKind?> kinds) => kinds.OfType<SplitKind>().Distinct().Count() > 1;

    /// <summary>The split and the domain of a name of image translation's layout: "trainA", "test_a", "A_train", "images_trainB"; null if it is no such name.</summary>
    public static (SplitKind Kind, char Side)? DomainOf(string name)
    {
        var words = Word().Matches(WithoutExtension(LastPart(name))).ToList();
        foreach (var word in words.Select(word => word.Value).Where(word => word.Length > 2))
        {
            if (IsSide(word[^1..]) && OfOneWord(word[..^1]) is { } before) return (before, Side(word[^1..]));                              // traina
            if (word[0] is 'A' or 'B' && OfOneWord(word[1..]) is { } after && OfOneWord(word) is null) return (after, word[0]);             // Atrain
        }
        foreach (var (one, two) in words.Zip(words.Skip(1)))
        {
            var isJoined = one.Index + one.Length == two.Index;
            // vitamin_a_test may be a class, so letters that stand apart need general words around them.
            if (!isJoined && words.Any(word => word != one && word != two && !general.Contains(word.Value.ToLowerInvariant()))) continue;
            if (IsSide(two.Value) && OfOneWord(one.Value) is { } first) return (first, Side(two.Value));
            if (IsSide(one.Value) && OfOneWord(two.Value) is { } second) return (second, Side(one.Value));
        }
        return null;
    }

    /// <summary>Sorts the files of pictures of one set to splits.</summary>
    /// <param name="set">The folder, for messages.</param>
    /// <param name="names">Below the folder, with forward slashes. A name that says nothing may lie in a folder that does.</param>
    /// <param name="canBeJoined">Whether several files can make one split, as the shards of a table do.</param>
    /// <exception cref="DataException">The split of one is unknown; the message says what there is and what it needs.</exception>
    public static IReadOnlyDictionary<string, SplitKind> OfFiles(string set, IReadOnlyList<string> names, bool canBeJoined)
    {
        ExpectOneDomain(set, [.. names.SelectMany(WithFoldersAbove).Distinct()]);
        if (names.Count == 1) return new Dictionary<string, SplitKind> { [names[0]] = SplitKind.Train };
        if (canBeJoined) ExpectOneConfiguration(set, names);

        var kinds = names.ToDictionary(name => name, OfPath);
        var isSaid = kinds.Values.Any(kind => kind is not null);
        var isOne = isSaid ? kinds.Values.Distinct().Count() == 1 : AreShards(names);
        if (canBeJoined && isOne) return names.ToDictionary(name => name, _ => SplitKind.Train);
        if (!isSaid || kinds.Values.Any(kind => kind is null)) throw NotUnderstood(set, names);
        if (!kinds.ContainsValue(SplitKind.Train)) throw NoTraining(set, names);
        if (!canBeJoined) ExpectOneEach(set, kinds.Select(pair => (pair.Key, pair.Value!.Value)));
        return kinds.ToDictionary(pair => pair.Key, pair => pair.Value!.Value);
    }

    /// <summary>The split that a file's name says, or else the nearest folder above it.</summary>
    public static SplitKind? OfPath(string name) => name.Split('/').Reverse().Select(Of).FirstOrDefault(kind => kind is not null);

    /// <summary>Sorts the folders of pictures that lie beside one another to splits; null where they are no splits but classes.</summary>
    /// <param name="set">The folder or archive, for messages.</param>
    /// <param name="names">Below the set, with forward slashes; the last part says the split.</param>
    /// <exception cref="DataException">They are a mixture, or two domains; the message says what there is and what it needs.</exception>
    public static IReadOnlyDictionary<string, SplitKind>? OfFolders(string set, IReadOnlyList<string> names)
    {
        ExpectOneDomain(set, names);
        var kinds = names.Select(name => (Name: name, Kind: OfFolder(name))).ToList();
        var isWhole = names.Any(name => OfWord(name) is not null);
        if (!isWhole && !AreSeveral(kinds.Select(pair => pair.Kind))) return null;

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
        if (domains.Select(name => DomainOf(name)!.Value.Side).Distinct().Count() < 2) return;
        var side = domains.FirstOrDefault(name => DomainOf(name)!.Value.Kind == SplitKind.Train) ?? domains[0];
        throw new DataException($"{set} has {Listed(domains)}: pictures of two domains, for translation from one to the other. " +
            $"A set here is of one domain: {WayTo(set, side)}.");
    }

    /// <summary>How to open one part of a set alone: its path, after unpacking where the set is an archive.</summary>
    public static string WayTo(string set, string part) => Directory.Exists(set)
        ? $"give the path of one, such as {Path.Combine(set, part)}"
        : $"unpack it and give the path of one, such as {part}";

    private static SplitKind? OfOneWord(string word)
    {
        foreach (var (kind, words) in table)
            if (words.Any(known => word.StartsWith(known, StringComparison.OrdinalIgnoreCase) && IsRest(word[known.Length..]))) return kind;
        return null;

        bool IsRest(string rest) => rest.Length == 0 || general.Contains(rest, StringComparer.OrdinalIgnoreCase);
    }

    private static bool IsSide(string word) => word is "A" or "B" or "a" or "b";
    private static char Side(string word) => char.ToUpperInvariant(word[0]);
    private static string LastPart(string name) => name[(name.LastIndexOf('/') + 1)..];
    private static string WithoutExtension(string name) => Extension().Replace(name, "");

    // a, a/b and a/b/c of a/b/c.
    private static IEnumerable<string> WithFoldersAbove(string name)
    {
        var parts = name.Split('/');
        return Enumerable.Range(1, parts.Length).Select(count => string.Join('/', parts[..count]));
    }

    // data-00000-of-00003.parquet and its like: of one folder, and of one name but for the numbers.
    private static bool AreShards(IReadOnlyList<string> names) => names.Select(name => name[..^LastPart(name).Length] + Number().Replace(LastPart(name), "#")).Distinct().Count() == 1;

    // The hub keeps the configurations of a set (resolutions, crops) in folders beside one another; each is a set of its own.
    private static void ExpectOneConfiguration(string set, IReadOnlyList<string> names)
    {
        var folders = names.Select(ConfigurationOf).Distinct().Order(StringComparer.Ordinal).ToList();
        if (folders.Select(folder => string.Join('/', folder.Split('/').Where(part => !IsGeneral(part) || part.Any(char.IsDigit)))).Distinct().Count() < 2) return;
        var one = folders.First(folder => folder.Length > 0);
        throw new DataException($"{set} has tables in {Listed([.. folders.Select(folder => folder.Length > 0 ? folder : "its top")])}: several configurations, each a set of its own. " +
            $"To train on one of them, {WayTo(set, one)}; move the tables into one folder if they are one set.");
    }

    // The folder above those of splits: default of default/train/0000.parquet.
    private static string ConfigurationOf(string name) => string.Join('/', name.Split('/')[..^1].TakeWhile(part => Of(part) is null));

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
        new($"{set} has {Listed([.. names.Where(name => OfFolder(name) is not null)])}, which name splits, beside {Listed([.. others])}, which do not. " +
            $"To train on one of them, {WayTo(set, names.FirstOrDefault(name => OfFolder(name) == SplitKind.Train) ?? names[0])}; " +
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

    [GeneratedRegex(@"(\.[A-Za-z][A-Za-z0-9]+)+$")]
    private static partial Regex Extension();

    // Older shards end in a hexadecimal number: data-00000-of-00002-6587633be5e4b2b1.
    [GeneratedRegex(@"(?<![A-Za-z])[0-9a-f]{8,}(?![A-Za-z])|\d+")]
    private static partial Regex Number();
}
