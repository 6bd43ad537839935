namespace Manifold.Engine;

/// <summary>Words of a command as a shell takes them.</summary>
public static class ShellText
{
    /// <summary>The word as it stands where that is safe, or in single quotes.</summary>
    public static string Quoted(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "._=-/".Contains(c)) ? word : $"'{word.Replace("'", "'\\''")}'";

    /// <summary>The path of a file, which never looks like an option.</summary>
    public static string QuotedPath(string path) => Quoted(path.StartsWith('-') ? $"./{path}" : path);
}
