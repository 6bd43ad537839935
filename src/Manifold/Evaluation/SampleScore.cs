using System.Text.RegularExpressions;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using Manifold.Sampling;
using Manifold.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>Takes one number of samples of the averaged weights at every look, the same that <see cref="SampleMetrics"/> takes of a checkpoint, without floor and ceiling. What it needs of the data is taken once.</summary>
public sealed partial class SampleScore : IObserver
{
    private readonly string name;
    private readonly SampleMetric metric;
    private readonly object model;
    private readonly DataSet data;
    private readonly Extractor? extractor;
    private readonly Device device;
    private readonly SampleMetrics metrics;
    private Tensor? reference;                              // of the training part: features, [N, F], or for swd the pictures themselves

    /// <param name="name">A metric of one number, or one of the two of a pair: precision_lenet_1000.</param>
    /// <exception cref="MetricException">It is no such name, nobody knows which way it is better, or it cannot be taken of this model on this data.</exception>
    public SampleScore(string name, object model, DataSet data, Extractor? extractor, Device device)
    {
        (this.name, this.model, this.data, this.extractor, this.device) = (name, model, data, extractor, device);
        metrics = new SampleMetrics(model, data, extractor, device);
        metric = MetricOf(name) ?? throw new MetricException($"{name} is no metric of samples; there are {string.Join(", ", Forms(data))}.");
        if (metric.Name == name && Halves(metric.Kind) is { } halves)
            throw new MetricException($"{name} is two numbers, and checkpoints are ranked by one: {string.Join(" or ", halves.Select(half => half + name[metric.Kind.Length..]))}.");
        if (metric.Kind == "memorization")
            throw new MetricException($"{name} is a chance, of which neither way is better; it ranks no checkpoints.");
        if (metric.Kind == "recognition")
            throw new MetricException($"{name} is how sure a classifier is, and it is surest of a generator that makes one thing; it ranks no checkpoints. Name fid_{metric.Extractor}_{metric.Count} instead.");
        if (!Samples.CanBeDrawn(model) && !IsProbe)
            throw new MetricException($"{name} is of samples, and {model.GetType().Name} makes none.");
        if (IsProbe && (data.Classes == 0 || model is not (IFeatures or IEncoder)))
            throw new MetricException($"{name} needs labels, and a model with a discriminator or an encoder to read features from.");
        if (metric.Kind == "modes" && Toy.Named(data.Name) is null && (data.Shape.Channels != 3 || extractor is not { Classifies: true, Shape.Channels: 1 }))
            throw new MetricException($"{name} counts the modes of a toy, or, on stacked-mnist, the digits of the three colours by features of a classifier of grey digits.");
        metrics.ExpectMeasurable(metric);
    }

    /// <summary>The forms of the names of which it is known which way is better, for messages.</summary>
    public static IReadOnlyList<string> Forms(DataSet data) => data.Shape.IsPoint
        ? ["modes_N", "off_manifold_N", "missed_N", "c2st_N", "parzen_N"]
        : [.. SampleMetric.Names.Where(form => form is not ("memorization_X_N" or "recognition_X_N") && form is not ("off_manifold_N" or "missed_N") && (form != "modes_N" || data.Shape.Channels == 3))
            .SelectMany(form => Halves(form.Replace("_X_N", "")) is { } halves ? halves.Select(half => $"{half}_X_N") : [form])];

    /// <summary>A metric that ranks samples of any model of this data, for advice: of no more samples than the data has.</summary>
    public static string Suggested(DataSet data) =>
        $"{(data.Shape.IsPoint ? "c2st" : data.Name == DataSet.Bundled ? "fid_lenet" : "swd")}_{Math.Clamp(data.Train.Count, SampleMetric.Fewest, 1000)}";

    /// <summary>The metric that gives the number of this name; null if none does.</summary>
    public static SampleMetric? MetricOf(string name) =>
        SampleMetric.Parse(Half().Replace(name, half => half.Groups[1].Value is "precision" or "recall" ? "precision_recall_" : "density_coverage_"));

    /// <summary>Whether the highest is the best; <see cref="Measurement.Better"/> says the same of a measurement that was taken.</summary>
    public bool HigherIsBetter => metric.Kind is not ("fid" or "kid" or "swd" or "c2st" or "off_manifold" or "missed");

    public IReadOnlyList<Ranking> Ranked => [new(name, HigherIsBetter)];

    public IReadOnlyDictionary<string, double> Look(Moment moment)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        metrics.Forget();                                   // the weights are others than they were
        return new Dictionary<string, double> { [name] = Value() };
    }

    private double Value() => metric.Kind switch
    {
        "fid" => Frechet.Distance(Reference, OfSamples()),
        "kid" => KernelDistance.Of(Reference, OfSamples()).Mean,
        "precision_recall" => Neighbours.PrecisionRecall(Reference, OfSamples()) is var pair && IsFirst ? pair.Precision : pair.Recall,
        "density_coverage" => Neighbours.DensityCoverage(Reference, OfSamples()) is var pair && IsFirst ? pair.Density : pair.Coverage,
        "inception_score" => InceptionScore.Of(extractor!.Probabilities(Drawn())).Mean,
        "swd" => SlicedWasserstein.Of(Reference, Drawn()).Average(),
        _ => metrics.Measure(metric).Single(result => result.Metric == name).Value,
    };

    private bool IsProbe => metric.Kind.EndsWith("probe", StringComparison.Ordinal);
    private bool IsFirst => metric.Kind.StartsWith(name.Split('_')[0], StringComparison.Ordinal);

    private Tensor Drawn() => SampleMetrics.Drawn(model, data.Shape, metric.Count, device);
    private Tensor OfSamples() => extractor!.Features(Drawn());

    private Tensor Reference => reference ??= (SampleMetrics.RealPictures(data.Train, metric.Count) is var pictures && metric.WantsExtractor ? extractor!.Features(pictures) : pictures).DetachFromDisposeScope();

    private static string[]? Halves(string kind) => kind is "precision_recall" or "density_coverage" ? kind.Split('_') : null;

    [GeneratedRegex("^(precision|recall|density|coverage)_(?!recall_|coverage_)")]
    private static partial Regex Half();
}
