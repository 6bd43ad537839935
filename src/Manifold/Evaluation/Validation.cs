using Manifold.Data;
using Manifold.Models;
using Manifold.Training;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>Measures the averaged weights on the validation part while a run goes on; the test part is never touched.</summary>
/// <param name="limit">Only the first so many examples of the part.</param>
public sealed class Validation(IEvidenceModel model, Split split, Device device, int limit = 1000) : IObserver
{
    /// <summary>The logged name of minus the ELBO on the validation part, nats, lower is better.</summary>
    public const string Nll = "validation_nll";

    public IReadOnlyDictionary<string, double> Look(Moment moment) => new Dictionary<string, double>
    {
        [Nll] = -LatentMetrics.Measure("elbo", model, split, device, limit).Value,
        ["validation_active_units"] = LatentMetrics.Measure("active_units", model, split, device, limit).Value,
    };
}
