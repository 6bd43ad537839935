using System.Globalization;

namespace Manifold.Sampling;

/// <summary>Seeds as people write them: 7, 0-63, or 1,5,10-12.</summary>
public static class SeedRange
{
    private const int Most = 100_000;

    /// <exception cref="ArgumentException">It is not of that form, or there are more than 100,000.</exception>
    public static IReadOnlyList<long> Parse(string text)
    {
        var seeds = new List<long>();
        foreach (var part in text.Split(','))
        {
            var ends = part.Split('-');
            if (ends.Length is < 1 or > 2 || !Number(ends[0], out var first) || !Number(ends[^1], out var last) || last < first)
                throw new ArgumentException($"seeds is \"{text}\"; it needs numbers and ranges, such as 0-63 or 1,5,10-12.", nameof(text));
            if ((ulong)(last - first) >= (ulong)(Most - seeds.Count)) throw new ArgumentException($"seeds is \"{text}\", more than {Most:N0} of them.", nameof(text));
            for (var offset = 0; offset <= last - first; offset++) seeds.Add(first + offset);     // counts up to the difference: the last seed may be the largest there is
        }
        return seeds;
    }

    private static bool Number(string text, out long value) => long.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
