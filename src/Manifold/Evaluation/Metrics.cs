using Manifold.Data;
using Manifold.Models;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>Which numbers a model has: those of its latent variables, or those of its order.</summary>
public static class Metrics
{
    /// <summary>All names of all models, for help.</summary>
    public static IReadOnlyList<string> All { get; } = [.. LatentMetrics.Names.Union(ExactMetrics.Names)];

    /// <param name="model">Whose metric it must be; any model's if null.</param>
    /// <exception cref="MetricException">There is no metric of that name.</exception>
    public static void ExpectKnown(string metric, object? model = null)
    {
        if (model is null && ExactMetrics.Names.Contains(metric)) return;
        if (model is IAutoregressive) ExactMetrics.ExpectKnown(metric);
        else LatentMetrics.ExpectKnown(metric);
    }

    /// <summary>Takes one measurement.</summary>
    /// <param name="limit">Only the first so many examples; all if null.</param>
    /// <exception cref="MetricException">The model has no metric of that name, or no likelihood.</exception>
    public static Measurement Measure(string metric, object model, Split split, Device device, int? limit = null, Action<double>? progress = null) => model switch
    {
        IAutoregressive ordered => ExactMetrics.Measure(metric, ordered, split, device, limit, progress),
        IEvidenceModel evidence => LatentMetrics.Measure(metric, evidence, split, device, limit, progress),
        _ => throw new MetricException($"{model.GetType().Name} has no likelihood to measure."),
    };

    /// <summary>What is measured on the validation part while a run goes on: the logged name, the metric, and what it is multiplied with. The first is the number that decides the best.</summary>
    public static IReadOnlyList<(string Name, string Metric, int Sign)> Watched(object model) => model switch
    {
        IAutoregressive => [(Validation.Nll, "nll", 1)],
        IEvidenceModel => [(Validation.Nll, "elbo", -1), ("validation_active_units", "active_units", 1)],
        _ => [],
    };
}
