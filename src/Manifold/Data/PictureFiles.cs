using System.IO.Compression;

namespace Manifold.Data;

/// <summary>A picture's file, wherever it lies; its bytes are read when they are asked for.</summary>
/// <param name="Path">Below the folder or inside the archive, with forward slashes.</param>
public sealed record EncodedPicture(string Path, Func<byte[]> Bytes);

/// <summary>Pictures in a folder, a zip or a tar (plain or gzip), with or without a folder for each split, with or without a folder for each class.</summary>
public static class PictureFiles
{
    internal const int LargestFile = 1 << 26;          // bytes of one encoded picture

    public static bool IsArchive(string path) =>
        path.EndsWith(".zip", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".tar", StringComparison.OrdinalIgnoreCase)
        || path.EndsWith(".tar.gz", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".tgz", StringComparison.OrdinalIgnoreCase);

    /// <summary>The pictures of a folder or an archive, in the order of their paths.</summary>
    /// <exception cref="DataException">There is none, or the archive is broken.</exception>
    public static IReadOnlyList<EncodedPicture> Find(string path) => Find(path, new LeftOutCounts());

    private static List<EncodedPicture> Find(string path, LeftOutCounts left)
    {
        try
        {
            var pictures = (Directory.Exists(path) ? InFolder(path, left) : PictureArchive.Read(path, left))
                .OrderBy(picture => picture.Path, StringComparer.Ordinal).ToList();
            return pictures.Count > 0 ? pictures : throw NoPicture(path, left);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or IOException or UnauthorizedAccessException or NotSupportedException or FormatException or ArgumentException or OverflowException
            or InvalidOperationException /* a tar entry too long for itself */)
        {
            throw new DataException($"{path} cannot be read: {e.Message} Get it again.", e);
        }
    }

    /// <summary>Decodes a folder's or archive's pictures into its splits.</summary>
    /// <exception cref="DataException">The layout is not understood, a picture cannot be read (unless it may be skipped), or they are of several sizes and none was asked for.</exception>
    internal static SplitSources Open(string path, DataSettings settings)
    {
        var left = new LeftOutCounts();
        var layout = PictureLayout.Of(path, Find(path, left), left);
        var found = Assemble(path, layout.Train, layout.Validation, layout.Test, settings);
        return found with
        {
            ClassNames = layout.Classes,
            LeftOut = [.. left.All, .. found.LeftOut],
            Notes = [.. layout.Notes, .. found.Sources.Select(source => source.Note).OfType<string>().Distinct()],
            TrainFrom = layout.From(SplitKind.Train),
            ValidationFrom = layout.From(SplitKind.Validation),
            TestFrom = layout.From(SplitKind.Test),
            IsInNamedOrder = true,
        };
    }

    /// <summary>Decodes the pictures of all splits to one shape.</summary>
    /// <exception cref="DataException">A picture cannot be read (unless it may be skipped), or they are of several sizes and none was asked for.</exception>
    internal static SplitSources Assemble(string path, IReadOnlyList<(EncodedPicture File, int? Label)> train,
        IReadOnlyList<(EncodedPicture File, int? Label)> validation, IReadOnlyList<(EncodedPicture File, int? Label)> test, DataSettings settings)
    {
        List<EncodedPicture> all = [.. train.Concat(validation).Concat(test).Select(picture => picture.File)];
        var decoded = new DecodedPictures(path, all, settings);
        byte largest = 0, scale = 1;
        var sources = Parts();
        if (largest == 1)
        {
            // Nothing but 0 and 1 in any split is black and white, as masks are.
            scale = 255;
            sources = Parts();
        }
        return sources with { LeftOut = Unreadable() };

        SplitSources Parts() => new(Part(train, 0), Optional(validation, train.Count), Optional(test, train.Count + validation.Count));
        MemorySource? Optional(IReadOnlyList<(EncodedPicture File, int? Label)> pictures, int offset) => pictures.Count == 0 ? null : Part(pictures, offset);
        MemorySource Part(IReadOnlyList<(EncodedPicture File, int? Label)> pictures, int offset)
        {
            var (kept, values, most) = decoded.Decode(offset, pictures.Count, scale);
            largest = Math.Max(largest, most);
            var labels = pictures.All(picture => picture.Label is not null) ? kept.Select(i => pictures[i - offset].Label!.Value).ToArray() : null;
            return new MemorySource(path, decoded.Shape, values, labels) { Note = scale > 1 ? Idx.BlackAndWhite(path) : null };
        }
        IReadOnlyList<LeftOut> Unreadable() =>
            decoded.Skipped is [var first, ..] and var skipped ? [new LeftOut(LeftOutCounts.Unreadable, skipped.Count, all[first].Path)] : [];
    }

    private static IEnumerable<EncodedPicture> InFolder(string folder, LeftOutCounts left)
    {
        foreach (var file in FolderWalk.Files(folder, left))
        {
            var name = Path.GetRelativePath(folder, file).Replace('\\', '/');
            if (PictureFile.IsPicture(file)) yield return new EncodedPicture(name, () => Read(file));
            else left.Add(OtherFormats.IsPicture(file) ? LeftOutCounts.OtherPictures : LeftOutCounts.OtherFiles, name);
        }
    }

    private static DataException NoPicture(string path, LeftOutCounts left)
    {
        var others = left.All.Count == 0 ? "" : $" What it has: {string.Join("; ", left.All)}.";
        var links = left.All.Any(entry => entry.Reason == LeftOutCounts.LinkOut) ? " Copy what the links lead to into the set (cp -rL)." : "";
        return new($"{path} holds no PNG, JPEG or WebP picture; it needs some, in folders of their classes or not.{others}{links}");
    }

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
}
