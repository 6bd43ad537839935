using System.Diagnostics;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>Numbers of a model of order: its likelihood is exact, so there are no draws and no bounds.</summary>
public static class ExactMetrics
{
    /// <summary>The names, for messages and help.</summary>
    public static readonly IReadOnlyList<string> Names = ["nll", "bits_per_dim"];

    /// <summary>Takes one measurement.</summary>
    /// <param name="limit">Only the first so many examples; all if null.</param>
    /// <exception cref="MetricException">There is no metric of that name.</exception>
    public static Measurement Measure(string metric, IAutoregressive model, Split split, Device device, int? limit = null, Action<double>? progress = null)
    {
        ExpectKnown(metric);
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        using var _ = inference_mode();
        var nll = PerExample.Mean(metric, "nats", "lower", PerExample.Of(batch => model.Likely(batch).Nll, split, Math.Min(limit ?? int.MaxValue, split.Count), device, progress));
        var perNat = 1 / (model.Shape.Dims * Math.Log(2));
        return (metric == "nll" ? nll : nll with { Value = nll.Value * perNat, StandardError = nll.StandardError * perNat, Unit = "bits" }) with { Seconds = clock.Elapsed.TotalSeconds };
    }

    /// <exception cref="MetricException">There is no metric of that name.</exception>
    public static void ExpectKnown(string metric)
    {
        if (!Names.Contains(metric)) throw new MetricException($"No metric \"{metric}\".{Suggest.DidYouMean(metric, Names)} Metrics of this model: {string.Join(", ", Names)}.");
    }
}
