using System.Diagnostics;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>How often a classifier is right.</summary>
public static class ClassifierMetrics
{
    /// <summary>The names, for messages and help.</summary>
    public static readonly IReadOnlyList<string> Names = ["accuracy", "error"];

    /// <summary>The share of answers that are right, or wrong.</summary>
    /// <exception cref="MetricException">There is no metric of that name, or the split has no labels.</exception>
    public static Measurement Measure(string metric, IClassifier model, Split split, Device device, int? limit = null, Action<double>? progress = null)
    {
        if (!Names.Contains(metric)) throw new MetricException($"No metric \"{metric}\".{Suggest.DidYouMean(metric, Names)} Metrics of this model: {string.Join(", ", Names)}.");
        if (model.AsksLabels && !split.HasLabels)
            throw new MetricException($"The {split.Name} split has no labels, and {metric} needs them. Measure it on a split that has: --split {(split.Name == "validation" ? "train" : "validation")}.");
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var right = PerExample.Of(batch =>
        {
            var (x, labels) = model.Asked(batch);
            return model.Logits(x).argmax(1).eq(labels).to_type(ScalarType.Float32);
        }, split, Math.Min(limit ?? int.MaxValue, split.Count), device, progress);
        var accuracy = PerExample.Mean(metric, "share", "higher", right);
        return (metric == "accuracy" ? accuracy : accuracy with { Value = 1 - accuracy.Value, Better = "lower" }) with { Seconds = clock.Elapsed.TotalSeconds };
    }
}
