using Manifold.Engine;

namespace Manifold.Data;

/// <summary>Chance as a function: the same (seed, index) gives the same number on every machine, thread and day.</summary>
internal static class Chance
{
    public static ulong Of(long seed, long index) => Seeds.Mix(Seeds.Mix((ulong)seed) + (ulong)index);

    /// <summary>A number on (0, 1), of 53 bits.</summary>
    public static double Unit(long seed, long index) => ((Of(seed, index) >> 11) + 0.5) / (1L << 53);

    /// <summary>Two standard normal numbers, independent (Box and Muller 1958).</summary>
    public static (double, double) Normal(long seed, long index)
    {
        var (radius, angle) = (Math.Sqrt(-2 * Math.Log(Unit(seed, index))), 2 * Math.PI * Unit(~seed, index));
        return (radius * Math.Cos(angle), radius * Math.Sin(angle));
    }

    /// <summary>A permutation of 0..count-1 (Fisher and Yates); the bias of the remainder is below count / 2^64.</summary>
    public static int[] Permutation(int count, long seed)
    {
        var order = new int[count];
        for (var i = 0; i < count; i++) order[i] = i;
        for (var i = count - 1; i > 0; i--)
        {
            var j = (int)(Of(seed, i) % (ulong)(i + 1));
            (order[i], order[j]) = (order[j], order[i]);
        }
        return order;
    }
}
