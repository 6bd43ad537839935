using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Models;
using Manifold.Sampling;
using Manifold.Training;
using static TorchSharp.torch;

namespace Manifold.Pictures;

/// <summary>Draws the model's points over the data's at every look, the same seeds each time: fakes000000.png, counted in thousands of examples.</summary>
public sealed class PointCloud(IDecoder model, Split data, RunFolder run, Device device, int count = 5000) : IObserver
{
    public IReadOnlyDictionary<string, double> Look(Moment moment)
    {
        using var scope = NewDisposeScope();
        var real = data.InOrder(0, Math.Min(count, data.Count), PixelRange.Unit).X;
        var fake = Latents.Pictures(model, [.. Enumerable.Range(0, count).Select(seed => (long)seed)], device, draw: true);
        run.Picture($"fakes{moment.ExamplesSeen / 1000:D6}.png", "fakes", moment.ExamplesSeen, Scatter.Of(Scatter.Reach(real), real, fake).ToPng());
        return new Dictionary<string, double>();
    }
}
