using Manifold.Engine;

namespace Manifold.Data;

/// <summary>Three grey pictures of MNIST as the three colours of one: a thousand modes that a classifier of digits can tell apart.</summary>
/// <remarks>Metz et al. 2017, https://arxiv.org/abs/1611.02163, section 3.3.</remarks>
internal static class StackedPictures
{
    public const string Name = "stacked-mnist";
    private const int TrainCount = 60_000, TestCount = 10_000;

    /// <exception cref="DataException">MNIST is not here.</exception>
    public static DataSet Open(DataSettings settings, string? dataRoot)
    {
        if (settings.Size is { } size) DecodedLimit.Check(Name, TrainCount + TestCount, new PictureShape(3, size, size));
        var (train, test) = DataSet.Sources(settings with { Set = "mnist" }, dataRoot);
        var stacked = Stacked(train, TrainCount, "train");
        return new DataSet(Name, new SplitSources(stacked, Test: test is null ? null : Stacked(test, TestCount, "test"))
        {
            IsInRandomOrder = true,
            TrainFrom = "triples of mnist's training pictures",
            TestFrom = "triples of mnist's test pictures",
        }, settings);
    }

    // Which three is a function of the part and the position; the label has the three digits, the red one's hundreds first.
    private static MemorySource Stacked(MemorySource source, int count, string part)
    {
        if (source.Labels is not { } labels || source.Shape.Channels != 1) throw new DataException($"{Name} is made of grey pictures with labels, and mnist here has {(source.Labels is null ? "no labels" : "colours")}.");
        var seed = Seeds.At(0, 0, $"{Name}, {part}");
        var shape = source.Shape with { Channels = 3 };
        DecodedLimit.Check(Name, TrainCount + TestCount, shape);
        var (pixels, stacked) = (new byte[(long)count * shape.Dims], new int[count]);
        for (var i = 0; i < count; i++)
            for (var c = 0; c < 3; c++)
            {
                var one = (int)(Chance.Of(seed, 3L * i + c) % (ulong)source.Count);
                source.Read(one, pixels.AsSpan(i * shape.Dims + c * source.Shape.Dims, source.Shape.Dims));
                stacked[i] = stacked[i] * 10 + labels[one];
            }
        return new MemorySource($"{Name}, {part}", shape, pixels, stacked);
    }
}
