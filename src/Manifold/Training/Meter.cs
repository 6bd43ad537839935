using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Training;

/// <summary>Means of the named losses since the last line of the log. Waits for the device once a line, not once a step.</summary>
internal sealed class Meter : IDisposable
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
        var means = Pending.ToDictionary(sum => sum.Key, sum => sum.Value.Sum / sum.Value.Count);
        Clear();
        return means;
    }

    /// <summary>What was added since the last line.</summary>
    public IReadOnlyDictionary<string, PartialSum> Pending => sums.ToDictionary(sum => sum.Key, sum => new PartialSum(sum.Value.Sum.item<double>(), sum.Value.Count));

    /// <summary>Goes on with what was added before a run was stopped.</summary>
    public void Restore(IReadOnlyDictionary<string, PartialSum> pending, Device device)
    {
        Clear();
        foreach (var (name, (sum, count)) in pending) sums[name] = (tensor(sum, ScalarType.Float64, device).DetachFromDisposeScope(), count);
    }

    public void Dispose() => Clear();

    private void Clear()
    {
        foreach (var sum in sums.Values) sum.Sum.Dispose();
        sums.Clear();
    }
}
