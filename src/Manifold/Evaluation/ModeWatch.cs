using Manifold.Data;
using Manifold.Models;
using Manifold.Sampling;
using Manifold.Training;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>Counts the modes of a toy that the averaged weights cover, at every look.</summary>
public sealed class ModeWatch(IDecoder model, Toy toy, Device device, int count = 2500) : IObserver
{
    public IReadOnlyList<Ranking> Ranked => toy.Centres.Count == 0 ? [] : [new("modes", HigherIsBetter: true), new("high_quality", HigherIsBetter: true), new("mode_kl")];

    public IReadOnlyDictionary<string, double> Look(Moment moment)
    {
        if (toy.Centres.Count == 0) return new Dictionary<string, double>();
        using var scope = NewDisposeScope();
        var report = ModeReport.Of(toy, Latents.Pictures(model, [.. Enumerable.Range(0, count).Select(seed => (long)seed)], device, draw: true));
        return new Dictionary<string, double> { ["modes"] = report.Covered, ["high_quality"] = report.HighQuality, ["mode_kl"] = report.Kl };
    }
}
