using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Manifold.Engine;

namespace Manifold.Data;

/// <summary>A set of pictures in three splits. Which files are which is said by <see cref="SplitNames"/>; only evaluation reads the test split.</summary>
public sealed class DataSet
{
    /// <summary>The set inside the library: 11,000 pictures of Fashion-MNIST's training file.</summary>
    public const string Bundled = "bundled";

    // What is not known to be in random order is put in this one, so that validation, and the first hundred of any split, are
    // fair samples: files may be sorted by class, once or several times over, and those without labels do not show it.
    private const long ShuffleSeed = 1965;

    private readonly SplitSources sources;

    internal DataSet(string name, SplitSources sources, DataSettings settings)
    {
        (Name, this.sources) = (name, sources);
        ExpectOneShape(name, sources);
        var isCut = sources.Validation is null;
        if (isCut && sources.Train.Count < 10) throw TooFew(name, sources.Train.Count);

        Fingerprint = Hash(sources);
        var order = Order(sources.Train.Count, !sources.IsInRandomOrder);
        var train = isCut ? order.Length - order.Length / 10 : order.Length;
        Train = new Split("train", sources.Train, order[..train], settings);
        Validation = isCut ? new Split("validation", sources.Train, order[train..], settings) : Own("validation", sources.Validation!);
        Test = sources.Test is null ? null : Own("test", sources.Test);
        Origins = [.. Described(isCut)];

        Split Own(string split, MemorySource source) => new(split, source, Order(source.Count, !sources.IsInRandomOrder), settings);
    }

    public string Name { get; }

    /// <summary>Classes that the labels tell apart; 0 where there are no labels.</summary>
    public int Classes => Math.Max(ClassNames.Count, sources.Train.Labels is { Count: > 0 } labels ? labels.Max() + 1 : 0);

    /// <summary>Names of the classes, in the order of their numbers; empty where only the numbers are known.</summary>
    public IReadOnlyList<string> ClassNames => sources.ClassNames;

    /// <summary>Pictures that could not be read and were left out, where that was allowed.</summary>
    public int Skipped => sources.LeftOut.Where(entry => entry.Reason == LeftOutCounts.Unreadable).Sum(entry => entry.Count);

    /// <summary>Which files became which split, with the number of pictures of each.</summary>
    public IReadOnlyList<SplitOrigin> Origins { get; }

    /// <summary>What was left out of the set, with the reason.</summary>
    public IReadOnlyList<LeftOut> LeftOut => sources.LeftOut;

    /// <summary>The origins of the splits and what was left out, each in a phrase: "train 18: nine tenths of training/".</summary>
    public IEnumerable<string> Description =>
        Origins.Select(origin => $"{origin.Split} {origin.Count:N0}: {origin.From}").Concat(Test is null ? ["no test split"] : [])
            .Concat(LeftOut.Select(entry => $"{entry}")).Concat(sources.Notes);

    /// <summary>What a user should know of the set: what was left out and may be wanted, and how an unusual layout was read.</summary>
    public IEnumerable<string> Warnings =>
        sources.Notes.Concat(LeftOut.Where(entry => !entry.IsExpected && entry.Reason != LeftOutCounts.Unreadable).Select(entry => $"{entry}."))
            .Select(note => $"{Name}: {note}");

    /// <summary>A hash of the set's pixels and labels; two sets with one fingerprint hold the same pictures.</summary>
    public string Fingerprint { get; }

    public PictureShape Shape => sources.Train.Shape;
    public Split Train { get; }
    public Split Validation { get; }

    /// <summary>Whether older versions took the last tenth in the order of the files for validation, where a tenth by a fixed seed is taken now.</summary>
    internal bool HasOtherTenthThanBefore => sources is { Validation: null, IsInRandomOrder: false, IsInNamedOrder: false };

    /// <summary>Null where the set has none.</summary>
    public Split? Test { get; }

    /// <summary>What to evaluate on: the test split, or validation where there is no test split.</summary>
    public Split HeldOut => Test ?? Validation;

    /// <summary>A part by its name.</summary>
    /// <exception cref="DataException">The set has no such part; the message names those that it has.</exception>
    public Split Part(string name) => name switch
    {
        "train" => Train,
        "validation" => Validation,
        "test" => Test ?? throw new DataException($"{Name} has no test split; it has train and validation (--split validation)."),
        _ => throw new DataException($"There is no part \"{name}\"; a set has train, validation and test."),
    };

    /// <summary>Opens a set by name, or by the path of a folder, an archive, an idx file, a CIFAR-10 binary, a NumPy array or a Parquet table.</summary>
    /// <param name="dataRoot">Where sets are looked for by name; MANIFOLD_DATA and then the cache if null.</param>
    /// <exception cref="DataException">There is no such set, or it is broken.</exception>
    public static DataSet Open(DataSettings settings, string? dataRoot = null)
    {
        settings.Validated();
        if (settings.Set == Bundled) return OpenBundled(settings);
        if (Toy.Named(settings.Set) is { } toy) return toy.Open(settings);
        if (settings.Set == StackedPictures.Name) return StackedPictures.Open(settings, dataRoot);
        if (IsPath(settings)) return new DataSet(NameOf(settings.Set), SetReader.Read(settings.Set, settings), settings);
        if (FolderOf(settings.Set, dataRoot) is { } folder) return new DataSet(settings.Set, SetReader.Read(folder, settings), settings);
        throw Unknown(settings.Set, dataRoot);
    }

    /// <summary>Names of the sets that are here.</summary>
    public static IEnumerable<string> Names(string? dataRoot) =>
        Roots(dataRoot).Where(Directory.Exists).SelectMany(Directory.GetDirectories)
            .Where(folder => !IsUnfinished(Path.GetFileName(folder)) && SetReader.CanRead(folder))
            .Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal).Prepend(Bundled).Concat(Toy.All.Select(toy => toy.Name)).Distinct();

    /// <summary>Whether a set is named by its path. The sets that the library makes come first.</summary>
    internal static bool IsPath(DataSettings settings) => !IsMade(settings.Set) && SetReader.IsPath(settings.Set);

    /// <summary>Whether it is the name of a set that the library makes, which comes before any file or folder so named.</summary>
    internal static bool IsMade(string name) => name is Bundled or StackedPictures.Name || Toy.Named(name) is not null;

    /// <summary>The folder of a set by name; null if there is none.</summary>
    internal static string? FolderOf(string name, string? dataRoot) =>
        Roots(dataRoot).Select(root => Path.Combine(root, name)).FirstOrDefault(Directory.Exists);

    /// <summary>A set's pictures as they lie, for a set that is made of them.</summary>
    internal static (MemorySource Train, MemorySource? Test) Sources(DataSettings settings, string? dataRoot)
    {
        var set = Open(settings, dataRoot);
        return (set.sources.Train, set.sources.Test);
    }

    private static IEnumerable<string> Roots(string? dataRoot) =>
        dataRoot is not null ? [dataRoot]
        : Environment.GetEnvironmentVariable("MANIFOLD_DATA") is { Length: > 0 } named ? [named, UserCache.Folder("data")]
        : [UserCache.Folder("data")];

    // What an import that was stopped, or a system, left in the store.
    private static bool IsUnfinished(string folder) => folder.EndsWith(Download.Unfinished, StringComparison.Ordinal) || FolderWalk.IsHidden(folder);

    private static string NameOf(string path) => Path.GetFileName(Path.GetFullPath(path).TrimEnd('/')).Split('.') is [{ Length: > 0 } name, ..] ? name : "set";

    private static DataSet OpenBundled(DataSettings settings)
    {
        MemorySource Read(string split)
        {
            var (images, labels) = ($"{split}-images-idx3-ubyte.br", $"{split}-labels-idx1-ubyte.br");
            return Idx.Pictures(() => Resource(images), images, Resource(labels), labels, settings.Size);
        }
        // Its maker put a fair validation split at the end of the training file: see BundledSet.
        var sources = new SplitSources(Read("train"), Test: Read("t10k")) { IsInRandomOrder = true, TrainFrom = "the bundled training file", TestFrom = "the bundled test file" };
        return new DataSet(Bundled, sources, settings);
    }

    private static Stream Resource(string file) =>
        Assembly.GetExecutingAssembly().GetManifestResourceStream($"Manifold.Data.Bundled.{file}")
        ?? throw new DataException($"The bundled {file} is missing from the library; build it again from a whole clone.");

    private IEnumerable<SplitOrigin> Described(bool isCut)
    {
        var how = sources.IsInRandomOrder ? "its last tenth" : "a tenth of it, drawn by a fixed seed";
        yield return new SplitOrigin("train", Train.Count, isCut ? $"nine tenths of {sources.TrainFrom}" : sources.TrainFrom);
        yield return new SplitOrigin("validation", Validation.Count, isCut ? how : sources.ValidationFrom);
        if (Test is not null) yield return new SplitOrigin("test", Test.Count, sources.TestFrom);
    }

    private static int[] Order(int count, bool isPermuted) => isPermuted ? Chance.Permutation(count, ShuffleSeed) : [.. Enumerable.Range(0, count)];

    private static void ExpectOneShape(string name, SplitSources sources)
    {
        foreach (var (split, source) in new[] { ("validation", sources.Validation), ("test", sources.Test) })
            if (source is not null && source.Shape != sources.Train.Shape)
                throw new DataException($"{name} has training pictures of {sources.Train.Shape} and {split} pictures of {source.Shape}; set data.size to bring them to one.");
    }

    private static DataException TooFew(string name, int count) =>
        new($"{name} has {count} pictures to train on; a set needs ten or more, so that a tenth can be kept for validation.");

    private static DataException Unknown(string name, string? dataRoot)
    {
        var known = Names(dataRoot).ToList();
        var get = Catalogue.Sets.Any(set => set.Name == name) ? $"get it, ./manifold data get {name}, " : "";
        return new($"No data set \"{name}\".{Suggest.DidYouMean(name, known)} Sets here: {string.Join(", ", known)}. " +
            $"Looked in {string.Join(" and ", Roots(dataRoot))}; {get}set MANIFOLD_DATA or --data-root, or give the path of a folder, an archive or an idx file.");
    }

    // Train and then test, as they were before a set could have a validation split of its own, so that fingerprints stay.
    private static string Hash(SplitSources sources)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(sources.Train);
        if (sources.Test is not null) Add(sources.Test);
        if (sources.Validation is not null)
        {
            hash.AppendData("validation;"u8);
            Add(sources.Validation);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];

        void Add(MemorySource source)
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{source.Count} of {source.Shape};"));
            hash.AppendData(source.Bytes);
            if (source.Labels is not null) hash.AppendData(source.Labels.SelectMany(label => label < 256 ? [(byte)label] : BitConverter.GetBytes(label)).ToArray());
        }
    }
}
