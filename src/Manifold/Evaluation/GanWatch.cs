using Manifold.Data;
using Manifold.Models;
using Manifold.Sampling;
using Manifold.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>What the averaged generator makes, as its discriminator and a ruler see it: ema_score, and for pictures checkerboard beside the data's.</summary>
public sealed class GanWatch(Gan model, Split data, Device device, int count = 64) : IObserver
{
    private const int Least = 16;                          // pixels that the checkerboard's frequencies need

    /// <summary>Not ema_score: the better the discriminator, the lower it is.</summary>
    public IReadOnlyList<Ranking> Ranked => HasStripes ? [new("checkerboard")] : [];

    private bool HasStripes => Math.Min(model.Shape.Height, model.Shape.Width) >= Least;

    public IReadOnlyDictionary<string, double> Look(Moment moment)
    {
        if (moment.ExamplesSeen == 0) return new Dictionary<string, double>();       // what networks do as they were made says nothing of the run
        using var scope = NewDisposeScope();
        var seeds = Enumerable.Range(0, count).Select(seed => (long)seed).ToList();
        var pictures = Latents.Pictures(model, seeds, device);
        var condition = model.Classes == 0 ? null : Condition.OneHot(tensor(seeds.Select(seed => seed % model.Classes).ToArray()), model.Classes)!.to(device);
        var values = new Dictionary<string, double> { ["ema_score"] = model.Discriminator.call(model.Shape.IsPoint ? pictures : pictures * 2 - 1, condition).Score.mean().item<float>() };
        if (!HasStripes) return values;
        values["checkerboard"] = Checkerboard.Of(pictures);
        values["checkerboard_data"] = Checkerboard.Of(data.InOrder(0, Math.Min(count, data.Count), PixelRange.Unit).X);
        return values;
    }
}
