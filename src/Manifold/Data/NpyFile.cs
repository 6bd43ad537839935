using System.IO.Compression;

namespace Manifold.Data;

/// <summary>
/// An .npy, which has one array, or an .npz, which is a zip of them. Arrays that are not asked for are not read.
/// </summary>
internal sealed class NpyFile : IDisposable
{
    private readonly string path;
    private readonly ZipArchive? zip;
    private readonly List<(string Name, ZipArchiveEntry? Entry)> arrays;

    /// <exception cref="DataException">It is no whole .npz, or cannot be read.</exception>
    public NpyFile(string path)
    {
        this.path = path;
        zip = IsZip(path) ? Guarded(path, () => new ZipArchive(Unpacked.OpenRegular(path))) : null;
        arrays = zip is null ? [("arr_0", null)]
            : Guarded(path, () => zip.Entries
                .Where(entry => entry.FullName.EndsWith(".npy", StringComparison.OrdinalIgnoreCase))
                .Select(entry => (entry.FullName[..^4], (ZipArchiveEntry?)entry)).ToList());
    }

    /// <summary>The arrays' names.</summary>
    public IEnumerable<string> Names => arrays.Select(array => array.Name);

    /// <summary>
    /// The first array that has one of the names, in any letter case, or null; the exact letter case is preferred.
    /// </summary>
    /// <exception cref="DataException">It is no array of numbers, or several have that name.</exception>
    public NpyArray? Find(params string[] names)
    {
        foreach (var name in names)
        {
            var exact = arrays.Where(array => array.Name == name).ToList();
            var found = exact.Count > 0 ? exact
                : arrays.Where(array => array.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).ToList();
            if (found.Count > 1)
                throw new DataException(
                    $"{path} has the arrays {string.Join(", ", found.Select(array => array.Name))}; only one may be called {name}.");
            if (found.Count == 1) return Open(found[0].Name, found[0].Entry);
        }
        return null;
    }

    /// <summary>
    /// The array of a split whose name has one of these words, or null. A name of nothing else, x_train or TrainImages, comes
    /// before one that says more, x_train_noisy.
    /// </summary>
    /// <exception cref="DataException">Several have equal claims to it, or it is no array of numbers.</exception>
    public NpyArray? FindSplit(SplitKind kind, IReadOnlySet<string> words)
    {
        var all = Names.Where(name => SplitNames.Of(name) == kind && SplitNames.Words(name).Any(words.Contains)).ToList();
        var exact = all.Where(IsCustomary).ToList();
        var found = exact.Count > 0 ? exact : all;
        if (found.Select(name => name.ToLowerInvariant()).Distinct().Count() > 1)
            throw new DataException(
                $"{path} has {string.Join(", ", found)}; only one of them can be taken. Save it again with the one to read alone.");
        return found.Count == 0 ? null : Find(found[0]);
    }

    // One word of the split and one of what it holds, whatever parts them: no digit, no third word.
    private static bool IsCustomary(string name)
    {
        var words = SplitNames.Words(name);
        return words.Count == 2 && words.Sum(word => word.Length) == name.Count(char.IsLetterOrDigit);
    }

    /// <summary>The first array; null if there is none.</summary>
    public NpyArray? First() => arrays.Count == 0 ? null : Open(arrays[0].Name, arrays[0].Entry);

    /// <summary>Does something with the file's numbers.</summary>
    /// <exception cref="DataException">The file is broken.</exception>
    public T Reading<T>(Func<T> read) => Guarded(path, read);

    public void Dispose() => zip?.Dispose();

    private static bool IsZip(string path) => path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase);

    private NpyArray Open(string name, ZipArchiveEntry? entry) => Guarded(path, () =>
    {
        if (entry is null) return NpyArray.Open(name, path, () => Unpacked.OpenRegular(path), new FileInfo(path).Length, long.MaxValue);
        if (entry.IsEncrypted) throw new DataException($"{path} has a password; save it again without one.");
        return NpyArray.Open(name, $"{path}/{entry.FullName}", entry.Open, entry.Length, entry.CompressedLength * Unpacked.LargestRatio);
    });

    private static T Guarded<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (IsZip(path)
            && e is InvalidDataException or EndOfStreamException or IOException or NotSupportedException or ArgumentException or OverflowException)
        {
            throw new DataException($"{path} is not a whole .npz file: {e.Message} Get it again.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{path} cannot be read: {e.Message}", e);
        }
    }
}
