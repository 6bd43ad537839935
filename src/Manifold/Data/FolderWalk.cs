namespace Manifold.Data;

/// <summary>The files of a folder that a data set may be made of. What is left out is counted.</summary>
/// <remarks>
/// Every folder is read once and no link to a folder is followed, so links cannot make a loop. A link to a file is followed within the
/// folder only. FIFOs, sockets and devices have no length, as empty files have none, so what has no length is never opened.
/// </remarks>
internal static class FolderWalk
{
    private static readonly string[] hidden = ["__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "Thumbs.db", "desktop.ini"];

    /// <summary>Whether a name belongs to a system or a program and to no set: .git, ._a.png, .ipynb_checkpoints, __MACOSX.</summary>
    public static bool IsHidden(string name) => name.StartsWith('.') || hidden.Contains(name, StringComparer.OrdinalIgnoreCase);

    /// <summary>Full paths of the files below a folder, in the order of their names, folder by folder.</summary>
    /// <param name="isDeep">Whether folders below it are read too.</param>
    /// <exception cref="DataException">A folder cannot be read.</exception>
    public static IEnumerable<string> Files(string folder, LeftOutCounts left, bool isDeep = true)
    {
        var root = Resolved(folder);
        var open = new Stack<string>([root]);
        while (open.TryPop(out var current))
        {
            var entries = Entries(current, folder);
            foreach (var entry in entries.OfType<FileInfo>())
                if (IsRead(entry, root, left)) yield return Path.Combine(folder, Path.GetRelativePath(root, entry.FullName));
            if (!isDeep) yield break;
            foreach (var entry in entries.OfType<DirectoryInfo>().Reverse())
                if (IsEntered(entry, root, left)) open.Push(entry.FullName);
        }
    }

    /// <summary>Refuses a file that a set names, such as its labels, if it is a link that leads out of its folder.</summary>
    /// <exception cref="DataException">It is such a link, or leads nowhere.</exception>
    public static void ExpectWithinFolder(string path)
    {
        var file = new FileInfo(path);
        if (file.LinkTarget is null || IsWithin(TargetOf(file)?.FullName, Resolved(file.DirectoryName!))) return;
        throw new DataException($"{path} is a link that leads out of its folder, and is not followed. Put a copy of the file in its place.");
    }

    /// <exception cref="DataException">The file has no length: it is empty, or a FIFO, socket or device, which must not be opened.</exception>
    public static void ExpectRegular(string path)
    {
        if (LengthOf(new FileInfo(path)) == 0) throw new DataException($"{path} is empty, or not a regular file.");
    }

    /// <summary>A path without links in it, the last part's included.</summary>
    public static string Resolved(string path)
    {
        var full = Path.GetFullPath(path);
        var at = Path.GetPathRoot(full)!;
        foreach (var part in full[at.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))
        {
            at = Path.Combine(at, part);
            if (new DirectoryInfo(at) is { LinkTarget: not null } link && link.ResolveLinkTarget(returnFinalTarget: true) is { } target) at = Resolved(target.FullName);
        }
        return at;
    }

    private static List<FileSystemInfo> Entries(string folder, string root)
    {
        try
        {
            return [.. new DirectoryInfo(folder).EnumerateFileSystemInfos().OrderBy(entry => entry.Name, StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{root} cannot be read: {e.Message}", e);
        }
    }

    private static bool IsRead(FileInfo file, string root, LeftOutCounts left)
    {
        var name = Path.GetRelativePath(root, file.FullName);
        if (IsHidden(file.Name)) return No(LeftOutCounts.Hidden);
        if (file.LinkTarget is not null)
        {
            var target = TargetOf(file);
            if (target is null || !target.Exists) return No(LeftOutCounts.LinkToNothing);
            if (!IsWithin(Resolved(target.FullName), root)) return No(LeftOutCounts.LinkOut);
        }
        if (!file.Exists) return No(file.Name.Contains('\uFFFD') ? LeftOutCounts.NotUtf8 : LeftOutCounts.Empty);
        return LengthOf(file) > 0 || No(LeftOutCounts.Empty);

        bool No(string reason)
        {
            left.Add(reason, name);
            return false;
        }
    }

    private static bool IsEntered(DirectoryInfo folder, string root, LeftOutCounts left)
    {
        var name = Path.GetRelativePath(root, folder.FullName);
        if (IsHidden(folder.Name)) left.Add(LeftOutCounts.Hidden, name);
        else if (folder.LinkTarget is not null) left.Add(IsWithin(TargetOf(folder)?.FullName, root) ? LeftOutCounts.LinkToFolder : LeftOutCounts.LinkOut, name);
        else if (!folder.Exists) left.Add(LeftOutCounts.NotUtf8, name);
        else return true;
        return false;
    }

    // A link to itself has no end; the system says so with an error.
    private static FileSystemInfo? TargetOf(FileSystemInfo link)
    {
        try { return link.ResolveLinkTarget(returnFinalTarget: true); }
        catch (IOException) { return null; }
    }

    private static long LengthOf(FileInfo file) =>
        file.LinkTarget is null ? file.Length : TargetOf(file) is FileInfo { Exists: true } target ? target.Length : 0;

    private static bool IsWithin(string? path, string root) =>
        path is not null && (Resolved(path) + Path.DirectorySeparatorChar).StartsWith(root.TrimEnd(Path.DirectorySeparatorChar) + Path.DirectorySeparatorChar, StringComparison.Ordinal);
}
