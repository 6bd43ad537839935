using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>Which numbers a model has: those of its latent variables, or those of its order.</summary>
public static class Metrics
{
    /// <summary>All names of all models, for help.</summary>
    public static IReadOnlyList<string> All { get; } = [.. LatentMetrics.Names.Union(ExactMetrics.Names).Union(ClassifierMetrics.Names).Union(SampleMetric.Names)];

    /// <param name="model">Whose metric it must be; any model's if null.</param>
    /// <exception cref="MetricException">There is no metric of that name.</exception>
    public static void ExpectKnown(string metric, object? model = null)
    {
        if (SampleMetric.Parse(metric) is not null) return;
        if (model is null)
        {
            if (ExactMetrics.Names.Contains(metric) || ClassifierMetrics.Names.Contains(metric) || LatentMetrics.IsKnown(metric)) return;
            throw new MetricException($"No metric \"{metric}\".{Suggest.DidYouMean(metric, All.Select(form => form.Replace("_X", "_lenet").Replace("_N", "_1000").Replace("_K", "_100")))} There are: {string.Join(", ", All)} (X an extractor, lenet, rotnet or script; N a number of samples, 10 to 1,000,000; K one of codes).");
        }
        if (model is IClassifier && ClassifierMetrics.Names.Contains(metric)) return;
        if (model is IAutoregressive) ExactMetrics.ExpectKnown(metric);
        else if (model is IEvidenceModel) LatentMetrics.ExpectKnown(metric);
        else throw new MetricException($"No metric \"{metric}\" of {model.GetType().Name}.{Suggest.DidYouMean(metric, SampleMetric.Names.Select(form => form.Replace("_X", "_lenet").Replace("_N", "_1000")))} Metrics of its samples: {string.Join(", ", SampleMetric.Names)} (X an extractor, lenet, rotnet or script; N a number of samples, 10 to 1,000,000, such as fid_lenet_1000).");
    }

    /// <summary>Takes one measurement.</summary>
    /// <param name="limit">Only the first so many examples; all if null.</param>
    /// <exception cref="MetricException">The model has no metric of that name, or no likelihood.</exception>
    public static Measurement Measure(string metric, object model, Split split, Device device, int? limit = null, Action<double>? progress = null) => model switch
    {
        IAutoregressive ordered => ExactMetrics.Measure(metric, ordered, split, device, limit, progress),
        IEvidenceModel evidence => LatentMetrics.Measure(metric, evidence, split, device, limit, progress),
        IClassifier classifier => ClassifierMetrics.Measure(metric, classifier, split, device, limit, progress),
        _ => throw new MetricException($"{model.GetType().Name} has no likelihood to measure; metrics of samples: {string.Join(", ", SampleMetric.Names)}."),
    };

    /// <summary>What is measured on the validation part while a run goes on: the logged name, the metric, and what it is multiplied with. The first is the number that decides the best.</summary>
    public static IReadOnlyList<(string Name, string Metric, int Sign)> Watched(object model) => model switch
    {
        IAutoregressive => [(Validation.Nll, "nll", 1)],
        IClassifier => [("validation_error", "error", 1)],
        IEvidenceModel => [(Validation.Nll, "elbo", -1), ("validation_active_units", "active_units", 1)],
        _ => [],
    };
}
