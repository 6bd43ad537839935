using Manifold.Checkpoints;
using Manifold.Models;
using Manifold.Sampling;
using Manifold.Training;
using static TorchSharp.torch;

namespace Manifold.Pictures;

/// <summary>Draws the same codes at every look, so that a run's pictures can be laid side by side: fakes000000.png, counted in thousands of examples.</summary>
public sealed class SampleGrid(IDecoder model, RunFolder run, Device device, int count = 64) : IObserver
{
    public IReadOnlyDictionary<string, double> Look(Moment moment)
    {
        var pictures = Latents.Pictures(model, [.. Enumerable.Range(0, count).Select(seed => (long)seed)], device);
        var sheet = Grid.Of(pictures, columns: model.Classes is > 1 and <= 16 ? model.Classes : (int)Math.Ceiling(Math.Sqrt(count)));
        run.Picture($"fakes{moment.ExamplesSeen / 1000:D6}.png", "fakes", moment.ExamplesSeen, sheet.ToPng());
        return new Dictionary<string, double>();
    }
}
