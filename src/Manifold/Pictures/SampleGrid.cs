using Manifold.Checkpoints;
using Manifold.Sampling;
using Manifold.Training;
using static TorchSharp.torch;

namespace Manifold.Pictures;

/// <summary>Draws the same seeds at every look, so that a run's pictures can be laid side by side: fakes000000.png, counted in thousands of examples.</summary>
/// <param name="model">One that <see cref="Samples"/> can draw.</param>
public sealed class SampleGrid(object model, RunFolder run, Device device, int count = 64) : IObserver
{
    public IReadOnlyDictionary<string, double> Look(Moment moment)
    {
        var pictures = Samples.Of(model, [.. Enumerable.Range(0, count).Select(seed => (long)seed)], device);
        var sheet = Grid.Of(pictures, columns: Samples.Classes(model) is > 1 and <= 16 and var classes ? classes : (int)Math.Ceiling(Math.Sqrt(count)));
        run.Picture($"fakes{moment.ExamplesSeen / 1000:D6}.png", "fakes", moment.ExamplesSeen, sheet.ToPng());
        return new Dictionary<string, double>();
    }
}
