using System.Numerics;
using System.Runtime.Intrinsics;
using Manifold.Engine;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Sampling;

/// <summary>The fastest way to draw from a model of order that there is for it; pictures are those of <see cref="Ancestral.Draw"/>.</summary>
public static class Cached
{
    /// <summary>Arguments as of <see cref="Ancestral.Draw"/>.</summary>
    public static Tensor Draw(IAutoregressive model, Tensor u, Drawing? how = null)
    {
        how ??= new Drawing();
        u.ExpectShape([-1, model.Likelihood.Uniforms, model.Shape.Height, model.Shape.Width]);
        how.Known?.ExpectShape([u.shape[0], model.Shape.Channels, model.Shape.Height, model.Shape.Width]);
        return (u.dtype, u.device.type) switch
        {
            (ScalarType.Float32, DeviceType.CPU) when IsWide(u.shape[0]) => ByHand<WideLanes<float>, float>(model, u, how),
            (ScalarType.Float32, DeviceType.CPU) => ByHand<AutoLanes<float>, float>(model, u, how),
            (ScalarType.Float64, DeviceType.CPU) => ByHand<AutoLanes<double>, double>(model, u, how),
            _ => model is ICausalNet net ? TorchSampler.Draw(net, u, how) : Ancestral.Draw(model, u, how),
        };
    }

    /// <summary>With vectors of one's choice.</summary>
    internal static Tensor ByHand<V, T>(IAutoregressive model, Tensor u, Drawing how) where V : struct, ILanes<V, T> where T : unmanaged, IBinaryFloatingPointIeee754<T> => model switch
    {
        ICausalNet net => new CausalSampler<V, T>(net, how.Condition, how.Map).Draw(u, how),
        Made made => new MadeSampler<V, T>(made, how.Condition, how.Map).Draw(u, how),
        _ => Ancestral.Draw(model, u, how),
    };

    // Wide vectors pay where every core still has some to fill.
    private static bool IsWide(long pictures) => Vector512.IsHardwareAccelerated && pictures > Vector512<float>.Count / 2 * Math.Max(1, get_num_threads());

    /// <summary>Multiply-adds that a picture takes, as they are done: borders included, colours once for each step of a pixel.</summary>
    /// <exception cref="ArgumentException">There is no cached sampler for the model.</exception>
    public static long MultiplyAdds(IAutoregressive model) => model switch
    {
        ICausalNet net => new CausalSampler<AutoLanes<float>, float>(net).MultiplyAdds,
        Made made => new MadeSampler<AutoLanes<float>, float>(made).MultiplyAdds,
        _ => throw new ArgumentException($"{model.GetType().Name} has no cached sampler.", nameof(model)),
    };
}
