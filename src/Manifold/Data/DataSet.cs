using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Manifold.Engine;

namespace Manifold.Data;

/// <summary>A set of pictures in three parts. Validation is the last tenth of what there is to train on; only evaluation reads the test part.</summary>
public sealed class DataSet
{
    /// <summary>The set inside the library: 11,000 pictures of Fashion-MNIST's training file.</summary>
    public const string Bundled = "bundled";

    private readonly MemorySource source;
    private readonly MemorySource? test;

    internal DataSet(string name, MemorySource source, MemorySource? test, DataSettings settings, bool isSorted = false)
    {
        (Name, this.source, this.test) = (name, source, test);
        if (test is not null && test.Shape != source.Shape)
            throw new DataException($"{name} has training pictures of {source.Shape} and test pictures of {test.Shape}; set data.size to bring them to one.");
        if (source.Count < 10) throw new DataException($"{name} has {source.Count} pictures to train on; a set needs ten or more, so that a tenth can be kept for validation.");
        Fingerprint = Hash(source, test);
        int[] Order(int count) => isSorted ? Chance.Permutation(count, ShuffleSeed) : [.. Enumerable.Range(0, count)];
        var order = Order(source.Count);
        var train = source.Count - source.Count / 10;
        Train = new Split("train", source, order[..train], settings);
        Validation = new Split("validation", source, order[train..], settings);
        Test = test is null ? null : new Split("test", test, Order(test.Count), settings);
    }

    // Sets that come sorted by class are put in this one order, so that the last tenth, and the first hundred of a part, have every class.
    private const long ShuffleSeed = 1965;

    public string Name { get; }

    /// <summary>Classes that the labels tell apart; 0 where there are no labels.</summary>
    public int Classes => Math.Max(ClassNames.Count, source.Labels is { Count: > 0 } labels ? labels.Max() + 1 : 0);

    /// <summary>Names of the classes, in the order of their numbers; empty where only the numbers are known.</summary>
    public IReadOnlyList<string> ClassNames { get; private init; } = [];

    /// <summary>Pictures that could not be read and were left out, where that was allowed.</summary>
    public int Skipped { get; private init; }

    /// <summary>A hash of the set's pixels and labels; two sets with one fingerprint hold the same pictures.</summary>
    public string Fingerprint { get; }

    public PictureShape Shape => source.Shape;
    public Split Train { get; }
    public Split Validation { get; }

    /// <summary>Null where the set has none.</summary>
    public Split? Test { get; }

    /// <summary>A part by its name.</summary>
    /// <exception cref="DataException">The set has no such part; the message names those that it has.</exception>
    public Split Part(string name) => name switch
    {
        "train" => Train,
        "validation" => Validation,
        "test" => Test ?? throw new DataException($"{Name} has no test part; it has train and validation (--split validation)."),
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
        if (File.Exists(settings.Set) || Directory.Exists(settings.Set)) return OpenPath(NameOf(settings.Set), settings.Set, settings);
        foreach (var root in Roots(dataRoot))
            if (Path.Combine(root, settings.Set) is var folder && Directory.Exists(folder)) return OpenPath(settings.Set, folder, settings);

        var known = Names(dataRoot).ToList();
        throw new DataException($"No data set \"{settings.Set}\".{Suggest.DidYouMean(settings.Set, known)} Sets here: {string.Join(", ", known)}. Looked in {string.Join(" and ", Roots(dataRoot))}; {(Catalogue.Sets.Any(set => set.Name == settings.Set) ? $"get it, ./manifold data get {settings.Set}, " : "")}set MANIFOLD_DATA or --data-root, or give the path of a folder, an archive or an idx file.");
    }

    /// <summary>Names of the sets that are here.</summary>
    public static IEnumerable<string> Names(string? dataRoot) =>
        Roots(dataRoot).Where(Directory.Exists).SelectMany(Directory.GetDirectories)
            .Where(folder => Inside(folder) is not null)
            .Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal).Prepend(Bundled).Concat(Toy.All.Select(toy => toy.Name)).Distinct();

    private static IEnumerable<string> Roots(string? dataRoot) =>
        dataRoot is not null ? [dataRoot]
        : Environment.GetEnvironmentVariable("MANIFOLD_DATA") is { Length: > 0 } named ? [named, UserCache.Folder("data")]
        : [UserCache.Folder("data")];

    private static string NameOf(string path) => Path.GetFileName(path.TrimEnd('/')).Split('.')[0];

    private static DataSet OpenPath(string name, string path, DataSettings settings) =>
        Directory.Exists(path) ? (Inside(path) ?? OpenPictures)(name, path, settings)
        : PictureFiles.IsArchive(path) ? OpenPictures(name, path, settings)
        : Npy.IsFile(path) ? OpenNpy(name, [path], settings)
        : ParquetPictures.IsFile(path) ? OpenParquet(name, [path], [], settings)
        : PictureFile.IsPicture(path) ? throw new DataException($"{path} is one picture, and a set is of many: give the folder that it lies in.")
        : Cifar.IsFile(path) ? new DataSet(name, Cifar.Open([path], settings.Size), null, settings)
        : OpenIdx(name, path, null, settings);

    /// <summary>How a folder is opened, by what lies in it; null if nothing does that can be.</summary>
    private static Func<string, string, DataSettings, DataSet>? Inside(string folder)
    {
        var files = Directory.GetFiles(folder).Order(StringComparer.Ordinal).ToList();
        var idx = files.Where(file => Idx.IsPictures(file)).ToList();
        var archives = files.Where(PictureFiles.IsArchive).ToList();
        var binaries = files.Where(Cifar.IsFile).ToList();
        if (idx.Count > 0)
            return (name, _, settings) => OpenIdx(name, idx.FirstOrDefault(file => !IsTest(file)) ?? idx[0], idx.FirstOrDefault(IsTest), settings);
        if (archives.Count > 0)
            return (name, _, settings) => archives.Count == 1 ? OpenPictures(name, archives[0], settings)
                : throw new DataException($"{folder} has several archives: {string.Join(", ", archives.Select(Path.GetFileName))}. Give the path of one.");
        if (binaries.Count > 0)
            return (name, _, settings) => OpenCifar(name, [.. binaries.Where(file => !IsTest(file))], [.. binaries.Where(IsTest)], settings);
        var arrays = files.Where(Npy.IsFile).ToList();
        if (arrays.Count > 0) return (name, _, settings) => OpenNpy(name, arrays, settings);
        var tables = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(ParquetPictures.IsFile).Order(StringComparer.Ordinal).ToList();
        if (tables.Count > 0) return (name, path, settings) => OpenTables(name, path, tables, settings);
        return Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Any(PictureFile.IsPicture) ? OpenPictures : null;
    }

    // One file has all; or of several, those with images in the name, one of them for the test.
    private static DataSet OpenNpy(string name, IReadOnlyList<string> files, DataSettings settings)
    {
        var pictures = files.Count == 1 ? files : [.. files.Where(file => Path.GetFileName(file) is var f && (f.Contains("images") || f.Contains("imgs") || f.StartsWith("x_", StringComparison.Ordinal)))];
        var train = pictures.Where(file => files.Count == 1 || !Path.GetFileName(file).Contains("test")).ToList();
        if (train.Count != 1) throw new DataException($"{Path.GetDirectoryName(files[0])} has the arrays {string.Join(", ", files.Select(Path.GetFileName))}; give the path of the one whose pictures to train on.");
        var (source, test) = Npy.Open(train[0], settings.Size);
        test ??= pictures.FirstOrDefault(file => file != train[0]) is { } other ? Npy.Open(other, settings.Size, source.Bytes.Length).Train : null;
        return new DataSet(name, source, test, settings, IsSorted(source));
    }

    // The hub's layout: a file's name begins with its part. Its validation part is ours to test on where there is no test part.
    private static DataSet OpenTables(string name, string path, IReadOnlyList<string> tables, DataSettings settings)
    {
        List<string> Of(params string[] parts) => [.. tables.Where(table => parts.Any(part => Path.GetFileName(table).StartsWith(part, StringComparison.OrdinalIgnoreCase)))];
        List<string> train = Of("train"), test = Of("test");
        if (test.Count == 0) test = Of("val");
        return OpenParquet(name, train.Count > 0 ? train : tables.Count == 1 ? tables : throw new DataException($"{path} has the tables {string.Join(", ", tables.Select(Path.GetFileName))}; one must begin with train."), test, settings);
    }

    private static DataSet OpenParquet(string name, IReadOnlyList<string> train, IReadOnlyList<string> test, DataSettings settings)
    {
        var (source, tested, classes, skipped) = ParquetPictures.Open(train, test, settings);
        return new DataSet(name, source, tested, settings, IsSorted(source)) { ClassNames = classes, Skipped = skipped };
    }

    private static bool IsSorted(MemorySource source) => source.Labels is { } labels && labels.Zip(labels.Skip(1)).All(pair => pair.First <= pair.Second);

    private static bool IsTest(string file) => Path.GetFileName(file) is var name && (name.StartsWith("t10k", StringComparison.Ordinal) || name.StartsWith("test", StringComparison.Ordinal));

    private static DataSet OpenIdx(string name, string train, string? test, DataSettings settings)
    {
        var source = Idx.Pictures(train, settings.Size);
        return new DataSet(name, source, test is null ? null : Idx.Pictures(test, settings.Size, source.Bytes.Length), settings, IsSorted(source));
    }

    private static DataSet OpenCifar(string name, IReadOnlyList<string> train, IReadOnlyList<string> test, DataSettings settings)
    {
        var source = Cifar.Open(train, settings.Size);
        return new DataSet(name, source, test.Count == 0 ? null : Cifar.Open(test, settings.Size, source.Bytes.Length), settings);
    }

    // Files stand in the order of their names, which may be that of their subjects.
    private static DataSet OpenPictures(string name, string path, DataSettings settings)
    {
        var (train, test, classes, skipped) = PictureFiles.Open(path, settings);
        return new DataSet(name, train, test, settings, isSorted: true) { ClassNames = classes, Skipped = skipped };
    }

    /// <summary>A set's pictures as they lie, for a set that is made of them.</summary>
    internal static (MemorySource Train, MemorySource? Test) Sources(DataSettings settings, string? dataRoot)
    {
        var set = Open(settings, dataRoot);
        return (set.source, set.test);
    }

    private static DataSet OpenBundled(DataSettings settings)
    {
        MemorySource Part(string part)
        {
            var (images, labels) = ($"{part}-images-idx3-ubyte.br", $"{part}-labels-idx1-ubyte.br");
            return Idx.Pictures(() => Resource(images), images, Resource(labels), labels, settings.Size);
        }
        return new DataSet(Bundled, Part("train"), Part("t10k"), settings);
    }

    private static Stream Resource(string file) =>
        Assembly.GetExecutingAssembly().GetManifestResourceStream($"Manifold.Data.Bundled.{file}")
        ?? throw new DataException($"The bundled {file} is missing from the library; build it again from a whole clone.");

    private static string Hash(MemorySource source, MemorySource? test)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in new[] { source, test }.OfType<MemorySource>())
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{part.Count} of {part.Shape};"));
            hash.AppendData(part.Bytes);
            if (part.Labels is not null) hash.AppendData(part.Labels.SelectMany(label => label < 256 ? [(byte)label] : BitConverter.GetBytes(label)).ToArray());
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }
}
