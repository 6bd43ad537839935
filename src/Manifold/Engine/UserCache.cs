namespace Manifold.Engine;

/// <summary>Manifold's folders in the user's cache, or in the temporary folder where there is no home that can be written.</summary>
internal static class UserCache
{
    /// <summary>The first of the folders in which a file can be made.</summary>
    /// <exception cref="IOException">There is none.</exception>
    public static string Folder(string name) =>
        Folders(name).FirstOrDefault(CanWrite)
        ?? throw new IOException($"Neither the home's cache nor {Path.GetTempPath()} can be written; set XDG_CACHE_HOME to a folder that can.");

    /// <summary>The folders of this name that exist or could be made, best first.</summary>
    public static IEnumerable<string> Folders(string name)
    {
        string?[] roots =
        [
            Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache && Path.IsPathRooted(cache) ? Path.Combine(cache, "manifold") : null,
            Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home ? Path.Combine(Path.GetFullPath(home), ".cache", "manifold") : null,
        ];
        foreach (var root in roots)
            if (root is not null && Try(() => Directory.CreateDirectory(Path.Combine(root, name)).FullName) is { } folder) yield return folder;

        // Others can write to the temporary folder; what is read back from there must be this user's own.
        if (Try(() => Directory.CreateDirectory(Path.Combine(PrivateFolder.In(Path.GetTempPath()), name)).FullName) is { } ours) yield return ours;
    }

    private static bool CanWrite(string folder) => Try(() =>
    {
        File.Create(Path.Combine(folder, Path.GetRandomFileName()), 1, FileOptions.DeleteOnClose).Dispose();
        return folder;
    }) is not null;

    private static string? Try(Func<string> make)
    {
        try
        {
            return make();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
