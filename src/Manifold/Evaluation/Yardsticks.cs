using Manifold.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>Bits per value that a set's pictures take without any model worth the name: what a model's bits are to be held against.</summary>
public static class Yardsticks
{
    /// <summary>Every value alike: log2 of their number.</summary>
    public static double Uniform(int levels) => Math.Log2(levels);

    /// <summary>Each place of the picture by itself, from how often each value was there in the training pictures, one more counted for each value.</summary>
    /// <param name="train">Where the values are counted.</param>
    /// <param name="test">Whose bits are wanted.</param>
    public static double Marginal(Split train, Split test, int levels)
    {
        using var scope = NewDisposeScope();
        var dims = train.Shape.Dims;
        var counts = new double[dims * levels];
        ForEach(train, levels, (place, value) => counts[place * levels + value]++);
        double total = train.Count + levels, bits = 0;
        ForEach(test, levels, (place, value) => bits -= Math.Log2((counts[place * levels + value] + 1) / total));
        return bits / ((double)test.Count * dims);
    }

    private static void ForEach(Split split, int levels, Action<int, int> see)
    {
        for (var at = 0; at < split.Count; at += 500)
        {
            using var scope = NewDisposeScope();
            var x = split.InOrder(at, Math.Min(500, split.Count - at), PixelRange.Unit).X;
            var values = (x * (levels - 1)).round().to_type(ScalarType.Byte).flatten().data<byte>().ToArray();
            var dims = split.Shape.Dims;
            for (var i = 0; i < values.Length; i++) see(i % dims, values[i]);
        }
    }
}
