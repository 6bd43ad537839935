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
        return (model, u.dtype, u.device.type) switch
        {
            (ICausalNet net, ScalarType.Float32, DeviceType.CPU) => new CausalSampler<float>(net, how.Condition, how.Map).Draw(u, how),
            (ICausalNet net, ScalarType.Float64, DeviceType.CPU) => new CausalSampler<double>(net, how.Condition, how.Map).Draw(u, how),
            (Made made, ScalarType.Float32, DeviceType.CPU) => new MadeSampler<float>(made, how.Condition, how.Map).Draw(u, how),
            (Made made, ScalarType.Float64, DeviceType.CPU) => new MadeSampler<double>(made, how.Condition, how.Map).Draw(u, how),
            (ICausalNet net, _, _) => TorchSampler.Draw(net, u, how),
            _ => Ancestral.Draw(model, u, how),
        };
    }
}
