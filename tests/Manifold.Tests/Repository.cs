namespace Manifold.Tests;

/// <summary>The working tree that the tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static string File(string path) => Path.Combine(Root, path);

    private static string Find()
    {
        for (var at = AppContext.BaseDirectory; at is not null; at = Path.GetDirectoryName(at))
            if (System.IO.File.Exists(Path.Combine(at, "Manifold.slnx"))) return at;
        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} holds Manifold.slnx; the tests run from a build inside the repository.");
    }
}
