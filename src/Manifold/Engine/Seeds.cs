using System.Text;

namespace Manifold.Engine;

/// <summary>Seeds as functions of the run's seed and the examples seen, so that a resumed run draws what it would have drawn.</summary>
public static class Seeds
{
    /// <summary>The seed for what happens at this position of this stream; the same in every process and on every machine.</summary>
    /// <param name="seed">The run's.</param>
    /// <param name="examplesSeen">Position, or any counter: a row of a grid, a number of a sample.</param>
    /// <param name="stream">Parts chance by purpose, so that the noise of a step and the order of the data do not move together.</param>
    /// <remarks>SplitMix64: Steele, Lea and Flood 2014, https://doi.org/10.1145/2660193.2660195, once for each of the three.</remarks>
    public static long At(long seed, long examplesSeen, string stream = "")
    {
        var state = Mix((ulong)seed);
        state = Mix(state ^ (ulong)examplesSeen);
        return (long)Mix(state ^ Hash(stream));
    }

    /// <summary>One step of SplitMix64 as a hash: neighbours in, strangers out.</summary>
    internal static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    // FNV-1a, 64 bits: string.GetHashCode differs from process to process.
    private static ulong Hash(string text)
    {
        var hash = 0xCBF29CE484222325;
        foreach (var b in Encoding.UTF8.GetBytes(text)) hash = (hash ^ b) * 0x100000001B3;
        return hash;
    }
}
