namespace Manifold.Data;

/// <summary>Finds the file that lies beside another one, whatever its letter case.</summary>
internal static class Beside
{
    /// <summary>A file in the folder of this one, by its name, or null. The exact name is preferred.</summary>
    /// <param name="packings">Endings of packed files; each may be there or not.</param>
    public static string? Find(string path, string name, params string[] packings)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(folder)) return null;
        string Plain(string file) => packings.FirstOrDefault(end => file.EndsWith(end, StringComparison.OrdinalIgnoreCase)) is { } end ? file[..^end.Length] : file;
        var found = Directory.EnumerateFiles(folder).Select(file => Path.GetFileName(file))
            .Where(file => Plain(file).Equals(Plain(name), StringComparison.OrdinalIgnoreCase) && file != Path.GetFileName(path))
            .OrderBy(file => file == name ? 0 : file.Equals(name, StringComparison.OrdinalIgnoreCase) ? 1 : 2).ThenBy(file => file, StringComparer.Ordinal)
            .FirstOrDefault();
        if (found is null) return null;
        FolderWalk.ExpectWithinFolder(Path.Combine(folder, found));
        return Path.Combine(Path.GetDirectoryName(path) ?? "", found);
    }
}
