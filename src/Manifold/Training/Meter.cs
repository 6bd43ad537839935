using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Training;

/// <summary>Means of the named losses since the last line of the log. Waits for the device once a line, not once a step.</summary>
internal sealed class Meter
{
    private readonly Dictionary<string, (Tensor Sum, long Count)> sums = [];

    public void Add(IReadOnlyList<(string Name, Tensor Value)> losses)
    {
        foreach (var (name, value) in losses)
        {
            if (!sums.TryGetValue(name, out var sum)) sum = (zeros([], ScalarType.Float64, value.device).DetachFromDisposeScope(), 0);
            sum.Sum.add_(value);   // float64: a mean over a long line keeps its digits; NaN and infinity stay what they are
            sums[name] = (sum.Sum, sum.Count + 1);
        }
    }

    public IReadOnlyDictionary<string, double> Drain()
    {
        var means = sums.ToDictionary(sum => sum.Key, sum => sum.Value.Sum.item<double>() / sum.Value.Count);
        foreach (var sum in sums.Values) sum.Sum.Dispose();
        sums.Clear();
        return means;
    }
}
