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
        return all.GroupBy(entry => entry.Value.device.ToString()).All(group => HaveFiniteNorms([.. group.Select(entry => entry.Value)])) ? null
            : all.Where(entry => !IsFinite(entry.Value)).Select(entry => entry.Name).FirstOrDefault();
    }

    // In one fused pass, about 0.3 ns a number. The norm of a tensor with NaN or infinity is not finite; that of finite numbers may overflow.
    private static bool HaveFiniteNorms(Tensor[] tensors)
    {
        using var norms = Kernels.Run("norms", [tensors])!;
        return double.IsFinite(norms.item<double>());
    }

    private static bool IsFinite(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.isfinite().all().item<bool>();
    }
}
