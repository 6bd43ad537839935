using System.Formats.Tar;
using System.IO.Compression;

namespace Manifold.Data;

/// <summary>The pictures of a zip or tar archive. Nothing is unpacked to disk, and no link is followed out of the archive.</summary>
/// <remarks>A zip's pictures are read when they are asked for. A tar has no index and may be packed as a whole, so its pictures are held encoded in memory.</remarks>
internal sealed class PictureArchive
{
    private const long LargestArchive = 1L << 30;      // bytes of encoded pictures held in memory
    private const int LargestFile = PictureFiles.LargestFile;
    private const int LongestHeader = 1 << 20;         // bytes of one header of a tar
    private const int LongestLink = 4096;              // bytes of the target's path, which a zip keeps as the content of a link
    private const int MostLinks = 40;                  // one after another, as on Linux

    private readonly string path;
    private readonly LeftOutCounts left;
    private readonly Dictionary<string, Func<byte[]>> found = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> links = new(StringComparer.Ordinal);
    private readonly List<EncodedPicture> unnamed = [];     // whose names are not UTF-8: two names may look the same
    private long budget = LargestArchive;

    private PictureArchive(string path, LeftOutCounts left) => (this.path, this.left) = (path, left);

    /// <exception cref="DataException">It is protected by a password, packed in a way that is not read, or too large.</exception>
    public static IEnumerable<EncodedPicture> Read(string path, LeftOutCounts left)
    {
        var archive = new PictureArchive(path, left);
        if (path.EndsWith(".zip", StringComparison.OrdinalIgnoreCase)) archive.ReadZip();
        else archive.ReadTar();
        return archive.Pictures();
    }

    private void ReadZip()
    {
        var zip = new ZipArchive(Unpacked.OpenRegular(path));           // lives as long as the pictures that are read from it
        foreach (var entry in zip.Entries)
        {
            var isFolder = entry.FullName.EndsWith('/') || entry.FullName.EndsWith('\\');
            if (isFolder || NameOf(entry.FullName) is not { } name) continue;
            var isLink = (entry.ExternalAttributes >> 16 & 0xF000) == 0xA000;
            if (!IsWanted(name)) continue;
            if (entry.IsEncrypted) throw new DataException($"{path} is protected by a password ({name} is encrypted). Unpack it with the password and give the folder.");
            Opened(entry, name).Dispose();
            if (isLink) AddLink(name, FolderOf(name), System.Text.Encoding.UTF8.GetString(Content(zip, entry, name, LongestLink)));
            else Add(name, entry.Length, () => Content(zip, entry, name, LargestFile));
        }
    }

    // A zip is one file with one position: one reader at a time. What it says of its sizes is not believed.
    private byte[] Content(ZipArchive zip, ZipArchiveEntry entry, string name, int largest)
    {
        try
        {
            lock (zip)
            {
                using var content = Opened(entry, name);
                return Content(name, content, largest, held: false);
            }
        }
        catch (Exception e) when (e is InvalidDataException or IOException or NotSupportedException or ArgumentException)
        {
            throw new DataException($"{path}/{name} cannot be read: {e.Message} Get it again, or leave such pictures out with --skip-bad.", e);
        }
    }

    private Stream Opened(ZipArchiveEntry entry, string name)
    {
        try { return entry.Open(); }
        catch (InvalidDataException e) when (e.Message.Contains("compression", StringComparison.OrdinalIgnoreCase))
        {
            throw new DataException($"{path} has {name} packed by a method that is not read here. Unpack it and give the folder, or pack it again with Deflate, the usual method.", e);
        }
    }

    private void ReadTar()
    {
        using var file = Unpacked.OpenRegular(path);
        using var plain = new BoundedReads(path.EndsWith("gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file, LongestHeader);
        using var tar = new TarReader(plain);
        while (tar.GetNextEntry() is { } entry)
        {
            if (entry.EntryType is TarEntryType.Directory or TarEntryType.GlobalExtendedAttributes || NameOf(entry.Name) is not { } name || !IsWanted(name)) continue;
            switch (entry.EntryType)
            {
                case TarEntryType.HardLink: AddLink(name, "", entry.LinkName); break;
                case TarEntryType.SymbolicLink: AddLink(name, FolderOf(name), entry.LinkName); break;
                case TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile:
                    var bytes = entry.DataStream is { } content ? Content(name, content, LargestFile, held: true) : [];
                    Add(name, bytes.Length, () => bytes);
                    break;
                default: left.Add(LeftOutCounts.Empty, name); break;
            }
        }
    }

    /// <summary>A path below the archive with forward slashes, as unpacking would make it; null, and counted, if it leads out.</summary>
    private string? NameOf(string entry)
    {
        var name = Normalized("", entry);
        if (name is null) left.Add(LeftOutCounts.PathOut, entry);
        return name is "" ? null : name;
    }

    // Whether it is a picture. A name that begins with a dot, anywhere in its path, is a system's or a program's.
    private bool IsWanted(string name)
    {
        var reason = name.Split('/').Any(FolderWalk.IsHidden) ? LeftOutCounts.Hidden
            : PictureFile.IsPicture(name) ? null
            : OtherFormats.IsPicture(name) ? LeftOutCounts.OtherPictures : LeftOutCounts.OtherFiles;
        if (reason is not null) left.Add(reason, name);
        return reason is null;
    }

    private void Add(string name, long length, Func<byte[]> content)
    {
        if (length == 0) left.Add(LeftOutCounts.Empty, name);
        else if (name.Contains('\uFFFD')) unnamed.Add(new EncodedPicture(name, content));
        else
        {
            if (found.ContainsKey(name) || links.Remove(name)) left.Add(LeftOutCounts.Replaced, name);
            found[name] = content;
        }
    }

    private void AddLink(string name, string folder, string target)
    {
        if (Normalized(folder, target) is not { } path || target.StartsWith('/') && folder.Length > 0) left.Add(LeftOutCounts.LinkOut, name);
        else
        {
            if (found.Remove(name) || links.ContainsKey(name)) left.Add(LeftOutCounts.Replaced, name);
            links[name] = path;
        }
    }

    private List<EncodedPicture> Pictures()
    {
        var pictures = found.Select(pair => new EncodedPicture(pair.Key, pair.Value)).Concat(unnamed).ToList();
        foreach (var (name, first) in links)
        {
            var target = first;
            for (var step = 0; step < MostLinks && links.TryGetValue(target, out var next); step++) target = next;
            if (found.TryGetValue(target, out var content)) pictures.Add(new EncodedPicture(name, content));
            else left.Add(LeftOutCounts.LinkToNothing, name);
        }
        return pictures;
    }

    // Bytes are counted as they come: what an archive says of its own sizes is not believed.
    private byte[] Content(string name, Stream content, int largest, bool held)
    {
        using var memory = new MemoryStream();
        var buffer = new byte[1 << 16];
        for (int n; (n = content.Read(buffer)) > 0;)
        {
            memory.Write(buffer, 0, n);
            if (memory.Length > largest) throw new DataException($"{path}/{name} is larger than {largest:N0} bytes.");
            if (held && (budget -= n) < 0) throw new DataException($"{path} holds more than {LargestArchive >> 30} GB of pictures; unpack it to a folder and give that.");
        }
        return memory.ToArray();
    }

    private static string FolderOf(string name) => name.Contains('/') ? name[..name.LastIndexOf('/')] : "";

    // Old programs write backslashes. A part ".." goes up, and may not go above the archive.
    private static string? Normalized(string folder, string name)
    {
        var parts = new List<string>(folder.Split('/', StringSplitOptions.RemoveEmptyEntries));
        foreach (var part in name.Split(['/', '\\'], StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == ".") continue;
            if (part != "..") parts.Add(part);
            else if (parts.Count == 0) return null;
            else parts.RemoveAt(parts.Count - 1);
        }
        return string.Join('/', parts);
    }
}
