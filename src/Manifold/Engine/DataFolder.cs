namespace Manifold.Engine;

/// <summary>A folder in which data sets are looked for, and the names of what it holds.</summary>
/// <param name="Path">The folder.</param>
/// <param name="Reason">Why it is one: the environment variable that names it, or the cache.</param>
/// <param name="Names">Its folders, in order; empty if there are none or it does not exist.</param>
public sealed record DataFolder(string Path, string Reason, IReadOnlyList<string> Names)
{
    /// <summary>Names a folder that holds data sets, a folder each.</summary>
    public const string Variable = "MANIFOLD_DATA";

    /// <summary>The folders that are searched, the first of them first.</summary>
    public static IEnumerable<DataFolder> All()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named) yield return Look(global::System.IO.Path.GetFullPath(named), Variable);
        if (UserCache.Folders("data").FirstOrDefault() is { } cache) yield return Look(cache, "cache");
    }

    private static DataFolder Look(string folder, string reason)
    {
        try
        {
            return new DataFolder(folder, reason, [.. Directory.GetDirectories(folder).Select(path => global::System.IO.Path.GetFileName(path)!).Order(StringComparer.Ordinal)]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new DataFolder(folder, reason, []);
        }
    }
}
