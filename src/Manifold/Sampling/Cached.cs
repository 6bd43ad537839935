using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Sampling;

/// <summary>The fastest way to draw from a model of order that there is for it; pictures are those of <see cref="Ancestral.Draw"/>.</summary>
public static class Cached
{
    /// <summary>Arguments as of <see cref="Ancestral.Draw"/>.</summary>
    public static Tensor Draw(IAutoregressive model, Tensor u, Tensor? condition = null, Tensor? known = null, Tensor? keep = null, Action<double>? progress = null) => (model, u.dtype, u.device.type) switch
    {
        (GatedPixelCnn gated, ScalarType.Float32, DeviceType.CPU) => new GatedSampler<float>(gated).Draw(u, condition, known, keep, progress),
        (GatedPixelCnn gated, ScalarType.Float64, DeviceType.CPU) => new GatedSampler<double>(gated).Draw(u, condition, known, keep, progress),
        _ => Ancestral.Draw(model, u, condition, known, keep, progress),
    };
}
