using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Engine;

/// <summary>Noise that does not depend on how it is batched or where it is used.</summary>
public static class Noise
{
    /// <summary>Standard normal numbers; row i is a function of seed i and the shape only. [number of seeds, shape...], float32, on the CPU.</summary>
    /// <param name="seeds">One for each row; see <see cref="Seeds.At"/>.</param>
    /// <param name="shape">The shape of a row, without the batch.</param>
    /// <exception cref="ArgumentException">There are no seeds, or the shape cannot be made.</exception>
    public static Tensor Normal(IEnumerable<long> seeds, params long[] shape) => Rows(seeds, shape, generator => randn(shape, generator: generator));

    /// <summary>Numbers uniform on (0, 1), neither end among them; otherwise as <see cref="Normal"/>.</summary>
    public static Tensor Uniform(IEnumerable<long> seeds, params long[] shape) => Rows(seeds, shape, generator => rand(shape, generator: generator).clamp(Least, 1 - Least));

    private const double Least = 1.0 / (1 << 24);

    private static Tensor Rows(IEnumerable<long> seeds, long[] shape, Func<Generator, Tensor> draw)
    {
        ShapeChecks.ExpectPossible(shape);
        using var scope = NewDisposeScope();
        using var generator = new Generator(0, CPU);   // the CPU's everywhere: other devices draw other numbers
        var rows = new List<Tensor>();
        foreach (var seed in seeds)
        {
            generator.manual_seed(seed);
            rows.Add(draw(generator));
            ShapeChecks.ExpectPossible(shape, rows.Count + 1);
        }
        if (rows.Count == 0) throw new ArgumentException("There are no seeds; a batch of noise needs one for each row.", nameof(seeds));
        return stack(rows).MoveToOuterDisposeScope();
    }
}
