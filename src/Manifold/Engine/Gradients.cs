using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Manifold.Engine;

/// <summary>What can be asked of gradients as they stand.</summary>
public static class Gradients
{
    /// <summary>Norm of all gradients together, a scalar on the device; 0 where there are none.</summary>
    public static Tensor Norm(IReadOnlyList<(string name, Parameter parameter)> parameters)
    {
        var gradients = parameters.Select(p => p.parameter.grad).OfType<Tensor>().ToArray();
        return gradients.Length == 0 ? zeros([]) : Kernels.Run("norm", [gradients])!;
    }
}
