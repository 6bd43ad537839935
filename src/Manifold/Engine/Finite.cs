using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Engine;

/// <summary>Finds numbers that are NaN or infinite.</summary>
public static class Finite
{
    /// <summary>The name of the first tensor that holds such a number; null where all are finite. One pass over all of them if so.</summary>
    public static string? FirstBad(IEnumerable<(string Name, Tensor Value)> tensors)
    {
        using var scope = NewDisposeScope();
        using var still = no_grad();
        var all = tensors.Where(entry => entry.Value.is_floating_point() && entry.Value.numel() > 0).Select(entry => (entry.Name, Value: entry.Value.detach())).ToList();
        return all.GroupBy(entry => entry.Value.device.ToString()).All(group => AreFinite([.. group.Select(entry => entry.Value)])) ? null
            : all.First(entry => !AreFinite([entry.Value])).Name;
    }

    private static bool AreFinite(Tensor[] tensors)
    {
        using var infinity = double.PositiveInfinity.ToScalar();
        using var largest = Kernels.Run("largest", tensors, infinity)!;    // the norm of order infinity: NaN and infinity stay what they are
        return double.IsFinite(largest.item<double>());
    }
}
