using System.Diagnostics;
using System.Globalization;

namespace Manifold.Tests;

/// <summary>Breaks a good file in seeded ways: bits, bytes, cuts, repeats, and fields of size.</summary>
internal static class Mutations
{
    private static readonly TimeSpan longest = TimeSpan.FromSeconds(20);        // of one small file; a machine that is busy needs seconds at most

    /// <summary>How many files of a kind are tried: 300, or as many times that as MANIFOLD_FUZZ says.</summary>
    public static int Count { get; } = 300 * int.Parse(Environment.GetEnvironmentVariable("MANIFOLD_FUZZ") ?? "1", CultureInfo.InvariantCulture);

    /// <summary>Runs a reader on mutated files; anything it throws fails the test, and so does a file that takes long. Returns how many it refused.</summary>
    /// <param name="pack">Makes a file of what was mutated, such as a zip around it: sums of the package are right then, and the reader comes to what lies inside.</param>
    public static int Try(byte[] good, int count, Func<byte[], bool> accepts, Func<byte[], byte[]>? pack = null)
    {
        var random = new Random(7);
        var refused = 0;
        for (var i = 0; i < count; i++)
        {
            var file = Mutate(good, random);
            if (pack is not null) file = pack(file);
            var clock = Stopwatch.StartNew();
            if (!accepts(file)) refused++;
            if (clock.Elapsed > longest) throw new TimeoutException($"Mutated file {i} took {clock.Elapsed.TotalSeconds:N0} s.");
        }
        return refused;
    }

    public static byte[] Mutate(byte[] good, Random random)
    {
        var bytes = (byte[])good.Clone();
        int At() => random.Next(random.Next(2) == 0 ? Math.Min(64, bytes.Length) : bytes.Length);   // headers are where the sizes are
        switch (random.Next(5))
        {
            case 0: bytes[At()] ^= (byte)(1 << random.Next(8)); break;
            case 1: for (var n = random.Next(1, 8); n > 0; n--) bytes[At()] = (byte)random.Next(256); break;
            case 2: return bytes[..random.Next(bytes.Length)];
            case 3: var at = At(); for (var k = at; k < Math.Min(at + 4, bytes.Length); k++) bytes[k] = 0xFF; break;
            default: return [.. bytes, .. bytes.AsSpan(random.Next(bytes.Length))];
        }
        return bytes;
    }
}
