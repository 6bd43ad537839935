using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Sampling;

/// <summary>Pictures of seeds, whatever the model: of codes, or a place at a time.</summary>
public static class Samples
{
    /// <summary>Whether the model makes pictures of seeds.</summary>
    public static bool CanBeDrawn(object model) => model is IDecoder or IAutoregressive;

    /// <summary>Classes that the model is asked by; 0 for none.</summary>
    public static int Classes(object model) => model switch { IDecoder decoder => decoder.Classes, IAutoregressive ordered => ordered.Classes, _ => 0 };

    /// <summary>One picture for each seed, [N, C, H, W] in [0, 1]; a model with classes goes through them in turn.</summary>
    /// <param name="draw">For a model with codes: whether pixels are drawn from p(x|z), and not its mean.</param>
    /// <param name="only">The one class of all pictures; each in turn if null.</param>
    /// <param name="temperature">For a model of order: see <see cref="Drawing.Temperature"/>.</param>
    /// <param name="progress">For a model of order: see <see cref="Drawing.Progress"/>.</param>
    /// <param name="truncation">For a model with codes: see <see cref="Latents.Truncated"/>.</param>
    /// <exception cref="ArgumentException">The model makes no pictures of seeds.</exception>
    public static Tensor Of(object model, IReadOnlyList<long> seeds, Device device, bool draw = false, int? only = null, double temperature = 1, Action<DrawingProgress>? progress = null, double? truncation = null)
    {
        if (model is IDecoder decoder) return Latents.Pictures(decoder, seeds, device, draw, only, truncation);
        if (model is not IAutoregressive ordered) throw new ArgumentException($"{model.GetType().Name} makes no pictures of seeds.", nameof(model));
        using var scope = NewDisposeScope();
        var condition = Condition.OneHot(tensor(seeds.Select(seed => only ?? seed % Math.Max(1, ordered.Classes)).ToArray()), ordered.Classes)?.to(device);
        return Cached.Draw(ordered, Ancestral.Uniforms(ordered, seeds).to(device), new Drawing { Condition = condition, Temperature = temperature, Progress = progress }).MoveToOuterDisposeScope();
    }
}
