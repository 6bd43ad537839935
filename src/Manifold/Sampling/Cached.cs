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

    /// <summary>Multiply-adds that a picture takes, as they are done: borders included, colours once for each step of a pixel.</summary>
    /// <exception cref="ArgumentException">There is no cached sampler for the model.</exception>
    public static long MultiplyAdds(IAutoregressive model) => model switch
    {
        ICausalNet net => new CausalSampler<float>(net).MultiplyAdds,
        Made made => new MadeSampler<float>(made).MultiplyAdds,
        _ => throw new ArgumentException($"{model.GetType().Name} has no cached sampler.", nameof(model)),
    };
}
