using Manifold.Data;
using Manifold.Training;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>Measures the averaged weights on the validation part while a run goes on; the test part is never touched.</summary>
/// <param name="model">One that <see cref="Metrics"/> knows.</param>
/// <param name="limit">Only the first so many examples of the part.</param>
public sealed class Validation(object model, Split split, Device device, int limit = 1000) : IObserver
{
    /// <summary>The logged name of -log p(x), or minus the ELBO, on the validation part; nats, lower is better.</summary>
    public const string Nll = "validation_nll";

    /// <summary>The first alone: a model with more latents in use is no better for it.</summary>
    public IReadOnlyList<Ranking> Ranked => [.. Metrics.Watched(model).Take(1).Select(first => new Ranking(first.Name))];

    public IReadOnlyDictionary<string, double> Look(Moment moment) =>
        Metrics.Watched(model).ToDictionary(watched => watched.Name, watched => watched.Sign * Metrics.Measure(watched.Metric, model, split, device, limit).Value);
}
