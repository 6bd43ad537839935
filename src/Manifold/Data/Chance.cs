using Manifold.Engine;

namespace Manifold.Data;

/// <summary>Chance as a function: the same (seed, index) gives the same number on every machine, thread and day.</summary>
internal static class Chance
{
    public static ulong Of(long seed, long index) => Seeds.Mix(Seeds.Mix((ulong)seed) + (ulong)index);

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
