namespace Manifold.Engine;

/// <summary>Guesses which name was meant by one that does not exist.</summary>
public static class Suggest
{
    /// <summary>The name that the fewest slips of the keyboard turn into the given one, if they are few enough to be slips.</summary>
    /// <remarks>A slip is a letter wrong, missing, too many, or two swapped. Case does not count; a beginning of three letters or more is taken as meant.</remarks>
    public static string? Nearest(string given, IEnumerable<string> names)
    {
        var most = Math.Max(1, given.Length / 3);
        return names.Select(name => (Name: name, Slips: Slips(given.ToLowerInvariant(), name.ToLowerInvariant())))
            .Where(n => n.Slips <= most && n.Slips < n.Name.Length || given.Length >= 3 && n.Name.StartsWith(given, StringComparison.OrdinalIgnoreCase))
            .OrderBy(n => n.Slips).ThenBy(n => n.Name, StringComparer.Ordinal)
            .Select(n => n.Name).FirstOrDefault();
    }

    /// <summary>`Did you mean "vae"?` with a space before it, or nothing.</summary>
    public static string DidYouMean(string given, IEnumerable<string> names) => Nearest(given, names) is { } name ? $" Did you mean \"{name}\"?" : "";

    // Optimal string alignment: slips[i, j] turns the first i letters of a into the first j of b.
    private static int Slips(string a, string b)
    {
        var slips = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++) slips[i, 0] = i;
        for (var j = 0; j <= b.Length; j++) slips[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
            for (var j = 1; j <= b.Length; j++)
            {
                var wrong = a[i - 1] == b[j - 1] ? 0 : 1;
                slips[i, j] = Math.Min(Math.Min(slips[i - 1, j] + 1, slips[i, j - 1] + 1), slips[i - 1, j - 1] + wrong);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) slips[i, j] = Math.Min(slips[i, j], slips[i - 2, j - 2] + 1);
            }
        return slips[a.Length, b.Length];
    }
}
