using System.Formats.Tar;
using System.IO.Compression;

namespace Manifold.Data;

/// <summary>A picture's file, wherever it lies; its bytes are read when they are asked for.</summary>
/// <param name="Path">Below the folder or inside the archive, with forward slashes.</param>
public sealed record EncodedPicture(string Path, Func<byte[]> Bytes);

/// <summary>Pictures in a folder, a zip or a tar (plain or gzip), with or without train and test folders, with or without a folder for each class.</summary>
public static class PictureFiles
{
    private const long LargestArchive = 2L << 30;      // bytes of encoded pictures held in memory
    internal const int LargestFile = 1 << 26;           // bytes of one encoded picture

    public static bool IsArchive(string path) =>
        path.EndsWith(".zip", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".tar", StringComparison.OrdinalIgnoreCase)
        || path.EndsWith(".tar.gz", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".tgz", StringComparison.OrdinalIgnoreCase);

    /// <summary>The pictures of a folder or an archive, in the order of their paths.</summary>
    /// <exception cref="DataException">There is none, or the archive is broken.</exception>
    public static IReadOnlyList<EncodedPicture> Find(string path)
    {
        try
        {
            var pictures = (Directory.Exists(path) ? InFolder(path) : path.EndsWith(".zip", StringComparison.OrdinalIgnoreCase) ? InZip(path) : InTar(path))
                .OrderBy(picture => picture.Path, StringComparer.Ordinal).ToList();
            return pictures.Count > 0 ? pictures : throw new DataException($"{path} holds no PNG, JPEG or WebP picture; it needs some, in folders of their classes or not.");
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or IOException or UnauthorizedAccessException or NotSupportedException or FormatException or ArgumentException or OverflowException
            or InvalidOperationException /* a tar entry too long for itself */)
        {
            throw new DataException($"{path} cannot be read: {e.Message} Get it again.", e);
        }
    }

    /// <summary>Decodes a folder's or archive's pictures into its parts: train, and test where there is a folder of that name (or val).</summary>
    /// <param name="skipped">How many could not be read and were left out.</param>
    /// <exception cref="DataException">A picture cannot be read (unless it may be skipped), or they are of several sizes and none was asked for.</exception>
    public static (MemorySource Train, MemorySource? Test, IReadOnlyList<string> Classes, int Skipped) Open(string path, DataSettings settings)
    {
        var found = WithoutCommonFolder(Find(path));
        var isParted = found.Any(picture => picture.Path.StartsWith("train/", StringComparison.Ordinal));
        List<EncodedPicture> Under(params string[] folders) =>
            [.. found.Where(picture => folders.Any(folder => picture.Path.StartsWith(folder, StringComparison.Ordinal))).Select(picture => picture with { Path = picture.Path[(picture.Path.IndexOf('/') + 1)..] })];
        var train = isParted ? Under("train/") : [.. found];
        var test = isParted ? Under("test/", "val/", "validation/") : [];

        var isClassed = train.Concat(test).All(picture => picture.Path.Contains('/'));
        IReadOnlyList<string> classes = isClassed ? [.. train.Select(ClassOf).Distinct().Order(StringComparer.Ordinal)] : [];
        var (source, tested, skipped) = Assemble(path, Labelled(train), Labelled(test), settings);
        return (source, tested, classes, skipped);

        List<(EncodedPicture, int?)> Labelled(List<EncodedPicture> pictures) => [.. pictures.Select(picture => (picture, isClassed ? Class(picture) : (int?)null))];
        int Class(EncodedPicture picture)
        {
            var index = classes.ToList().IndexOf(ClassOf(picture));
            return index >= 0 ? index : throw new DataException($"{path} has {picture.Path} to test, of a class that there is none of to train on.");
        }
    }

    /// <summary>Decodes the pictures of both parts to one shape.</summary>
    /// <exception cref="DataException">A picture cannot be read (unless it may be skipped), or they are of several sizes and none was asked for.</exception>
    internal static (MemorySource Train, MemorySource? Test, int Skipped) Assemble(
        string path, IReadOnlyList<(EncodedPicture File, int? Label)> train, IReadOnlyList<(EncodedPicture File, int? Label)> test, DataSettings settings)
    {
        var decoded = new DecodedPictures(path, [.. train.Concat(test).Select(picture => picture.File)], settings);
        var (source, tested) = (Part(train, 0), test.Count == 0 ? null : Part(test, train.Count));
        return (source, tested, decoded.Skipped);

        MemorySource Part(IReadOnlyList<(EncodedPicture File, int? Label)> pictures, int offset)
        {
            var (kept, values) = decoded.Decode(offset, pictures.Count);
            return new MemorySource(path, decoded.Shape, values, pictures.All(picture => picture.Label is not null) ? [.. kept.Select(i => pictures[i - offset].Label!.Value)] : null);
        }
    }

    private static string ClassOf(EncodedPicture picture) => picture.Path[..picture.Path.IndexOf('/')];

    private static IEnumerable<EncodedPicture> InFolder(string folder) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(PictureFile.IsPicture)
            .Select(file => new EncodedPicture(Path.GetRelativePath(folder, file).Replace('\\', '/'), () => Read(file)));

    private static byte[] Read(string file)
    {
        try
        {
            return new FileInfo(file).Length <= LargestFile ? File.ReadAllBytes(file) : throw new DataException($"{file} is larger than {LargestFile:N0} bytes.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{file} cannot be read: {e.Message}", e);
        }
    }

    private static List<EncodedPicture> InZip(string path)
    {
        using var zip = ZipFile.OpenRead(path);
        var budget = LargestArchive;
        return [.. zip.Entries.Where(entry => PictureFile.IsPicture(entry.FullName)).Select(entry => { using var content = entry.Open(); return Held(path, entry.FullName, content, ref budget); })];
    }

    private static List<EncodedPicture> InTar(string path)
    {
        using var file = File.OpenRead(path);
        using Stream plain = path.EndsWith("gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file;
        using var tar = new TarReader(plain);
        var pictures = new List<EncodedPicture>();
        var budget = LargestArchive;
        while (tar.GetNextEntry() is { } entry)
            if (entry.DataStream is { } content && PictureFile.IsPicture(entry.Name)) pictures.Add(Held(path, entry.Name, content, ref budget));
        return pictures;
    }

    // Bytes are counted as they come: what an archive says of its own sizes is not believed.
    private static EncodedPicture Held(string archive, string name, Stream content, ref long budget)
    {
        using var memory = new MemoryStream();
        var buffer = new byte[1 << 16];
        for (int n; (n = content.Read(buffer)) > 0;)
        {
            memory.Write(buffer, 0, n);
            if (memory.Length > LargestFile) throw new DataException($"{archive}/{name} is larger than {LargestFile:N0} bytes.");
            if ((budget -= n) < 0) throw new DataException($"{archive} holds more than {LargestArchive >> 30} GB of pictures; unpack it to a folder and give that.");
        }
        var bytes = memory.ToArray();
        return new EncodedPicture(name.TrimStart('.', '/'), () => bytes);
    }

    // name/train/… and name/test/… are train/… and test/….
    private static IReadOnlyList<EncodedPicture> WithoutCommonFolder(IReadOnlyList<EncodedPicture> pictures)
    {
        var top = pictures[0].Path.Split('/')[0] + "/";
        if (!pictures.All(picture => picture.Path.StartsWith(top, StringComparison.Ordinal)) || top is "train/") return pictures;
        return WithoutCommonFolder([.. pictures.Select(picture => picture with { Path = picture.Path[top.Length..] })]);
    }
}
