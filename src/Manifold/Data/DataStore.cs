using System.Formats.Tar;
using System.IO.Compression;
using Manifold.Engine;

namespace Manifold.Data;

/// <summary>The folder in which sets lie by name: fetches, checks and takes in sets. A set is there whole, or not at all.</summary>
/// <param name="Root">The folder; a set is a folder in it.</param>
public sealed record DataStore(string Root)
{
    private static readonly TimeSpan patience = TimeSpan.FromSeconds(30);

    /// <summary>Where sets are put: the folder that is named, or MANIFOLD_DATA, or the cache.</summary>
    public static DataStore At(string? dataRoot) => new(dataRoot
        ?? (Environment.GetEnvironmentVariable(DataFolder.Variable) is { Length: > 0 } named ? named : UserCache.Folder("data")));

    public string FolderOf(string name) => Path.Combine(Root, name);

    /// <summary>A set of the catalogue by name.</summary>
    /// <exception cref="DataException">There is none of that name; the message guesses which was meant.</exception>
    public static CatalogueSet Find(string name, IReadOnlyList<CatalogueSet>? catalogue = null) =>
        (catalogue ?? Catalogue.Sets).FirstOrDefault(set => set.Name == name)
        ?? throw new DataException($"No set \"{name}\" to get.{Suggest.DidYouMean(name, (catalogue ?? Catalogue.Sets).Select(set => set.Name))} There are {string.Join(", ", (catalogue ?? Catalogue.Sets).Select(set => set.Name))}; other pictures come in with `./manifold data import PATH`.");

    /// <summary>Fetches a set from its public home. What is here and right is not fetched again; what an earlier try left is gone on with.</summary>
    /// <param name="progress">Called with a file's name, the bytes of it that are here, and its size.</param>
    /// <exception cref="DataException">No home gave a file, or the folder cannot be written.</exception>
    public async Task Get(CatalogueSet set, Action<string, long, long>? progress = null, CancellationToken stop = default)
    {
        using var download = new Download(patience);
        var folder = FolderOf(set.Name);
        foreach (var file in set.Files)
        {
            if (file.Members is { } members && members.All(member => IsWhole(folder, member.Key, member.Value))) continue;
            await download.Fetch(file, folder, bytes => progress?.Invoke(file.Name, bytes, file.Bytes), stop);
            if (file.Members is not null) Guard(folder, () => TakeOut(file, folder));
        }
    }

    /// <summary>Checks every file of a set: by size and SHA-256 where the catalogue knows it, by reading all of it otherwise.</summary>
    /// <returns>A line for each thing checked; the first word is ok, missing or wrong.</returns>
    public IEnumerable<(string Verdict, string What)> Verify(string name)
    {
        var folder = FolderOf(name);
        var known = Catalogue.Sets.FirstOrDefault(set => set.Name == name)?.Files ?? [];
        foreach (var file in known)
        {
            var path = Path.Combine(folder, file.Name);
            foreach (var member in file.Members ?? new Dictionary<string, long>())
                yield return (IsWhole(folder, member.Key, member.Value) ? "ok" : "missing", $"{member.Key} {member.Value:N0} bytes");
            if (file.Members is not null) continue;
            yield return !File.Exists(path) ? ("missing", file.Name)
                : new FileInfo(path).Length != file.Bytes ? ("wrong", $"{file.Name} has {new FileInfo(path).Length:N0} bytes, not {file.Bytes:N0}")
                : Download.Sha256(path) != file.Sha256 ? ("wrong", $"{file.Name} has SHA-256 {Download.Sha256(path)}, not {file.Sha256}")
                : ("ok", $"{file.Name} {file.Bytes:N0} bytes, SHA-256 {file.Sha256}");
        }
        foreach (var line in Opened(name, folder)) yield return line;
    }

    /// <summary>Copies pictures into the store under a name, after reading all of them; a set that is there already is left alone.</summary>
    /// <param name="path">A folder of pictures, a zip or tar.gz of them, an idx file or NumPy array (its labels beside it come too), a CIFAR-10 binary or a Parquet table.</param>
    /// <param name="skipBad">Whether pictures that cannot be read may be there; they are left out whenever the set is opened with data.skip_bad.</param>
    /// <exception cref="DataException">The pictures cannot be read, the name is taken, or the folder cannot be written.</exception>
    public DataSet Import(string path, string name, bool skipBad = false)
    {
        ExpectName(name);
        var folder = FolderOf(name);
        if (Directory.Exists(folder)) throw new DataException($"There is a set {name} in {Root} already. Give another --name, or delete {folder} first.");
        if (!File.Exists(path) && !Directory.Exists(path)) throw new DataException($"There is no {path} to import.");

        var set = OpenToCopy(path, skipBad);
        var part = $"{folder}.{Guid.NewGuid():N}{Download.Unfinished}";       // of nobody else: what is there is never deleted
        Guard(folder, () =>
        {
            try
            {
                if (Directory.Exists(path)) CopyFolder(path, part);
                else CopyFile(path, Directory.CreateDirectory(part).FullName);
                if (DataSet.Open(new DataSettings { Set = part, SkipBad = skipBad }).Fingerprint != set.Fingerprint)
                    throw new DataException($"{path} changed while it was copied. Import it again.");
                Directory.Move(part, folder);
            }
            finally
            {
                if (Directory.Exists(part)) Directory.Delete(part, recursive: true);
            }
        });
        return set;
    }

    private static void ExpectName(string name)
    {
        if (name.Length == 0 || name.IndexOfAny(Path.GetInvalidFileNameChars()) >= 0 || name.StartsWith('.'))
            throw new DataException($"\"{name}\" cannot be the name of a set: it names a folder.");
        if (name.EndsWith(Download.Unfinished, StringComparison.OrdinalIgnoreCase))
            throw new DataException($"\"{name}\" cannot be the name of a set: {Download.Unfinished} is the end of what is not finished. Give another --name.");
        if (DataSet.IsMade(name))
            throw new DataException($"\"{name}\" is a set that the library makes, so an import of that name would never be opened. Give another --name.");
    }

    // What is imported is copied as it is, so pictures that need another size cannot be; the advice to set one is for training.
    private static DataSet OpenToCopy(string path, bool skipBad)
    {
        try
        {
            return DataSet.Open(new DataSettings { Set = path, SkipBad = skipBad });
        }
        catch (DataException e) when (e.Message.Contains("data.size", StringComparison.Ordinal))
        {
            throw new DataException($"{e.Message} That is an option of train, ./manifold train RECIPE --data {path} --set data.size=64; " +
                "an import copies pictures as they are, so resize them first or train on the path itself.", e);
        }
    }

    // An idx file under the name by which a folder of them is known, so that the set is found by what lies in it.
    private static void CopyFile(string path, string folder)
    {
        if (PictureFiles.IsArchive(path) || Cifar.IsFile(path) || Npy.IsFile(path) || ParquetPictures.IsFile(path))
        {
            File.Copy(path, Path.Combine(folder, Path.GetFileName(path)));
            if (Npy.LabelsOf(path) is { } beside) File.Copy(beside, Path.Combine(folder, Path.GetFileName(beside)));
            return;
        }
        File.Copy(path, Path.Combine(folder, $"train-images-idx3-ubyte{Packing(path)}"));
        if (Idx.LabelsOf(path) is { } labels) File.Copy(labels, Path.Combine(folder, $"train-labels-idx1-ubyte{Packing(labels)}"));

        static string Packing(string file) => Path.GetExtension(file).ToLowerInvariant() is (".gz" or ".br") and var end ? end : "";
    }

    private IReadOnlyList<(string, string)> Opened(string name, string folder)
    {
        try
        {
            var set = DataSet.Open(new DataSettings { Set = name }, Root);
            var count = set.Origins.Sum(origin => origin.Count);
            return [("ok", $"{count:N0} pictures of {set.Shape}, fingerprint {set.Fingerprint}"), .. set.Description.Select(line => ("ok", line))];
        }
        catch (DataException e)
        {
            return [(Directory.Exists(folder) ? "wrong" : "missing", e.Message)];
        }
    }

    private static bool IsWhole(string folder, string name, long bytes) => new FileInfo(Path.Combine(folder, name)) is { Exists: true } file && file.Length == bytes;

    // Each member beside its place and then renamed; the archive was checked, so what is in it is what its maker put there.
    private static void TakeOut(CatalogueFile file, string folder)
    {
        var archive = Path.Combine(folder, file.Name);
        using (var content = File.OpenRead(archive))
        using (var plain = new GZipStream(content, CompressionMode.Decompress))
        using (var tar = new TarReader(plain))
            while (tar.GetNextEntry() is { } entry)
            {
                var name = entry.Name[(entry.Name.LastIndexOf('/') + 1)..];
                if (entry.DataStream is null || !file.Members!.ContainsKey(name)) continue;
                var part = Path.Combine(folder, name) + Download.Unfinished;
                entry.ExtractToFile(part, overwrite: true);
                File.Move(part, Path.Combine(folder, name), overwrite: true);
            }
        if (file.Members!.FirstOrDefault(member => !IsWhole(folder, member.Key, member.Value)) is { Key: not null } absent)
            throw new DataException($"{archive} holds no whole {absent.Key}; the catalogue is wrong about it.");
        File.Delete(archive);
    }

    // What a set is never read from is not copied: hidden entries, links that lead out, and what is no regular file.
    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in FolderWalk.Files(from, new LeftOutCounts()))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    private static void Guard(string folder, Action write)
    {
        try { write(); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw new DataException($"{folder} could not be written: {e.Message}", e); }
    }
}
