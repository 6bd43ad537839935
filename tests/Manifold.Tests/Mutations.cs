namespace Manifold.Tests;

/// <summary>Breaks a good file in seeded ways: bits, bytes, cuts, repeats, and fields of size.</summary>
internal static class Mutations
{
    /// <summary>Runs a reader on mutated files; anything it throws fails the test. Returns how many it refused.</summary>
    public static int Try(byte[] good, int count, Func<byte[], bool> accepts)
    {
        var random = new Random(7);
        var refused = 0;
        for (var i = 0; i < count; i++)
            if (!accepts(Mutate(good, random))) refused++;
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
