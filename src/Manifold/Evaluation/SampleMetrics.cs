using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using Manifold.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>Numbers of samples held against data: each with the same number of data against data (the floor) and of noise against data (the ceiling), without which it says little.</summary>
/// <remarks>
/// Memory: the samples, the data and the noise as float32 and their features; beside these no metric holds more than 256 MB at once, whatever
/// its N, but for <c>swd</c>, which says its own at <see cref="SlicedWasserstein"/>.
/// </remarks>
/// <param name="model">One that <see cref="Samples"/> can draw.</param>
/// <param name="draw">Examples of seeds, [N, C, H, W]: pictures in [0, 1], or points. Null for the model's own, seed by seed.</param>
/// <param name="references">Where features of the data are kept from one evaluation to the next; null keeps none. The numbers are the same.</param>
public sealed class SampleMetrics(object model, DataSet data, Extractor? extractor, Device device, Func<int, Action<double>?, Tensor>? draw = null, References? references = null)
{
    private const int BatchSize = 100, ProbeExamples = 20_000;
    private readonly Dictionary<int, Tensor> drawn = [];
    private readonly References references = references ?? new References(null);
    private readonly Dictionary<string, string> hashes = [];                   // of what the extractor made of the data, for the measurement at hand

    /// <summary>Codes are drawn from the part of the prior within so many deviations; all of it if null. See <see cref="Latents.Truncated"/>.</summary>
    /// <exception cref="MetricException">The model has no codes.</exception>
    public double? Truncation
    {
        get;
        init => field = value is null || model is IDecoder ? value : throw new MetricException($"truncation is {value}, and {model.GetType().Name} has no codes to draw from the middle of a prior.");
    }

    /// <summary>The part that was kept from training: the test part where there is one.</summary>
    private Split HeldOut => data.Test ?? data.Validation;

    /// <summary>Refuses what the extractor or the data have not got, before anything is drawn.</summary>
    internal void ExpectMeasurable(SampleMetric metric)
    {
        if (metric.WantsExtractor && extractor?.Name != metric.Extractor)
            throw new MetricException($"{metric.Name} needs features of {metric.Extractor}, and {(extractor is null ? "there are none" : $"--features gives {extractor.Name}")}. {(metric.Extractor == "script" ? "Give --features a TorchScript file." : $"Train them, ./manifold train features --data SET{(metric.Extractor == "rotnet" ? " --set model.task=rotations" : "")}, and give --features that run.")}");
        if (ComparesAsMany(metric) && metric.Count > data.Train.Count) throw new MetricException(TooMany(metric));
        if (data.Shape.IsPoint && metric.Kind is not ("modes" or "c2st" or "parzen" or "off_manifold" or "missed"))
            throw new MetricException($"{metric.Name} is of pictures, and {data.Name} is of points; points have modes_N, off_manifold_N, missed_N, c2st_N and parzen_N.");
        if (!data.Shape.IsPoint && metric.Kind is "off_manifold" or "missed")
            throw new MetricException($"{metric.Name} is of points of the plane, and {data.Name} is of pictures, among which distances say little; pictures have precision_recall_X_N.");
    }

    private static bool ComparesAsMany(SampleMetric metric) =>
        metric.Kind is not ("modes" or "linear_probe" or "knn_probe" or "inception_score" or "recognition" or "memorization");

    private string TooMany(SampleMetric metric)
    {
        var has = $"{metric.Name} compares {metric.Count:N0} samples with as many examples of {data.Name}, which has {data.Train.Count:N0} to train on.";
        var kind = metric.Extractor is null ? metric.Kind : $"{metric.Kind}_{metric.Extractor}";
        return data.Train.Count < SampleMetric.Fewest
            ? $"{has} No metric of samples is of fewer than {SampleMetric.Fewest}: such a set is too small for any."
            : $"{has} Ask for {kind}_{data.Train.Count} or fewer.";
    }

    /// <summary>Takes one measurement, or two where a metric has two numbers.</summary>
    /// <exception cref="MetricException">The set has fewer examples than the name says, or the model or the extractor is not of the kind that it needs.</exception>
    public IReadOnlyList<Measurement> Measure(SampleMetric metric, Action<double>? progress = null)
    {
        var clock = Stopwatch.StartNew();
        hashes.Clear();
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        ExpectMeasurable(metric);
        IReadOnlyList<Measurement> results = metric.Kind switch
        {
            "fid" => [Fid(metric, progress)],
            "kid" => [Kid(metric, progress)],
            "precision_recall" => PrecisionRecall(metric, progress),
            "density_coverage" => DensityCoverage(metric, progress),
            "inception_score" => [Inception(metric, progress)],
            "recognition" => [Recognition(metric, progress)],
            "memorization" => [Memorized(metric, progress)],
            "swd" => [Swd(metric, progress)],
            "c2st" => [C2st(metric, progress)],
            "parzen" => [ParzenWindow(metric, progress)],
            "modes" => [Modes(metric, progress)],
            "off_manifold" or "missed" => [Strayed(metric, progress)],
            _ => [Probed(metric)],
        };
        foreach (var result in results) result.Sheet?.Pictures.MoveToOuterDisposeScope();
        return [.. results.Select(result => result with { Seconds = clock.Elapsed.TotalSeconds, Provenance = Provenance(metric, result.Provenance) })];
    }

    private Measurement Fid(SampleMetric metric, Action<double>? progress)
    {
        Tensor reference = Reference(metric.Count), fakes = extractor!.Features(Drawn(metric.Count, progress));
        var atInfinity = Frechet.AtInfinity(reference, fakes);
        return new Measurement(metric.Name, Frechet.Distance(reference, fakes), "", "lower", metric.Count)
        {
            Floor = OfEnough(2, Other(metric.Count), other => Frechet.Distance(reference, other)),
            Ceiling = Frechet.Distance(reference, OfNoise(metric.Count)),
            Details = [Line($"carried on to N = infinity: {atInfinity:F4}")],
            Provenance = new JsonObject { ["at_infinity"] = atInfinity },
        };
    }

    private Measurement Kid(SampleMetric metric, Action<double>? progress)
    {
        Tensor reference = Reference(metric.Count), fakes = extractor!.Features(Drawn(metric.Count, progress));
        var kernel = KernelDistance.Of(reference, fakes);
        return new Measurement(metric.Name, kernel.Mean, "", "lower", metric.Count)
        {
            Floor = OfEnough(2, Other(metric.Count), other => KernelDistance.Of(reference, other).Mean),
            Ceiling = KernelDistance.Of(reference, OfNoise(metric.Count)).Mean,
            Details = [Said(kernel)],
            Provenance = new JsonObject { ["deviation"] = kernel.Deviation, ["subsets"] = kernel.Subsets, ["subset_size"] = kernel.Size },
        };

        static string Said(KernelEstimate kernel) => kernel.Deviation is { } deviation
            ? Line($"deviation over {kernel.Subsets} subsets of {kernel.Size:N0}: {deviation:G4}")
            : kernel.Subsets > 1 ? Line($"{kernel.Subsets} subsets of {kernel.Size:N0} share most of their rows, so their deviation is no sampling error; an N of {2 * kernel.Size:N0} or more has one")
            : Line($"one subset of all {kernel.Size:N0}, which has no deviation; an N above 1,000 draws 100 subsets of 1,000");
    }

    // Null where held-out data are too few for the number.
    private static double? OfEnough(int least, Tensor heldOut, Func<Tensor, double> measure) => heldOut.shape[0] < least ? null : measure(heldOut);

    // The two sets are of one size, here and in the floor: a ball's reach falls as its set grows.
    private IReadOnlyList<Measurement> PrecisionRecall(SampleMetric metric, Action<double>? progress) =>
        Pair(metric, progress, ("precision", "recall"), leastHeldOut: 4, (real, fake) => Neighbours.PrecisionRecall(real, fake));

    private IReadOnlyList<Measurement> DensityCoverage(SampleMetric metric, Action<double>? progress) =>
        Pair(metric, progress, ("density", "coverage"), leastHeldOut: 6, (real, fake) => Neighbours.DensityCoverage(real, fake));

    private IReadOnlyList<Measurement> Pair(SampleMetric metric, Action<double>? progress, (string, string) names, int leastHeldOut, Func<Tensor, Tensor, (double, double)> measure)
    {
        Tensor reference = Reference(metric.Count), other = Other(metric.Count);
        var value = measure(reference, extractor!.Features(Drawn(metric.Count, progress)));
        (double, double)? floor = other.shape[0] < leastHeldOut ? null : measure(reference[..(int)other.shape[0]], other);
        var ceiling = measure(reference, OfNoise(metric.Count));
        Measurement Made(string name, double own, double? best, double worst) =>
            new($"{name}_{metric.Extractor}_{metric.Count}", own, name == "density" ? "" : "share", "higher", metric.Count) { Floor = best, Ceiling = worst };
        return [Made(names.Item1, value.Item1, floor?.Item1, ceiling.Item1), Made(names.Item2, value.Item2, floor?.Item2, ceiling.Item2)];
    }

    private Measurement Inception(SampleMetric metric, Action<double>? progress)
    {
        var (mean, deviation) = InceptionScore.Of(extractor!.Probabilities(Drawn(metric.Count, progress)));
        return new Measurement(metric.Name, mean, "", "higher", metric.Count)
        {
            Floor = InceptionScore.Of(HeldOutProbabilities(metric.Count)).Mean,
            Ceiling = InceptionScore.Of(references.Probabilities(extractor, Noise(metric.Count)).Values).Mean,
            Details = [Line($"deviation over 10 splits: {deviation:F4}; it never sees the data, and a model that repeats one sample of each class has the best")],
            Provenance = new JsonObject { ["deviation"] = deviation, ["splits"] = 10 },
        };
    }

    // Whether a classifier that the model has never met is sure of what it sees, how evenly the classes come, and whether they are those that were asked for.
    private Measurement Recognition(SampleMetric metric, Action<double>? progress)
    {
        const double Sure = 0.9;
        var probabilities = extractor!.Probabilities(Drawn(metric.Count, progress));
        if (data.Classes > 0 && probabilities.shape[1] != data.Classes)
            throw new MetricException($"{metric.Name} needs a classifier of {data.Name}, which has {data.Classes} classes, and --features tells {probabilities.shape[1]} apart. Train one on this set: ./manifold train features --data {data.Name}");
        var (confidence, answer) = probabilities.max(1);
        double SureOf(Tensor p) => p.ge(Sure).to_type(ScalarType.Float64).mean().item<double>();
        var answers = answer.data<long>().ToArray();
        var shares = Enumerable.Range(0, Math.Max(data.Classes, (int)answers.Max() + 1)).Select(c => answers.Count(a => a == c) / (double)answers.Length).ToList();
        var classes = Samples.Classes(model);
        double? asAsked = classes == 0 ? null : answers.Index().Count(pair => pair.Item == pair.Index % classes) / (double)answers.Length;
        return new Measurement(metric.Name, SureOf(confidence), "share", "none", metric.Count)
        {
            Floor = SureOf(HeldOutProbabilities(metric.Count).max(1).values),
            Ceiling = SureOf(references.Probabilities(extractor, Noise(metric.Count)).Values.max(1).values),
            Details =
            [
                $"shares of the classes, in percent: {string.Join(" ", shares.Select(share => Line($"{100 * share:F1}")))}",
                .. asAsked is { } right ? [Line($"the class that was asked for: {100 * right:F2} %")] : Array.Empty<string>(),
            ],
            Provenance = new JsonObject { ["sure_from"] = Sure, ["class_shares"] = new JsonArray([.. shares.Select(share => JsonValue.Create(share))]), ["as_asked"] = asAsked },
        };
    }

    // The value is of hits, which bears samples that are alike: four times the smallest p, since there are four tries, two pools in pixels and in features (Bonferroni).
    private Measurement Memorized(SampleMetric metric, Action<double>? progress)
    {
        Tensor Pictures(Split split) => RealPictures(split, split.Count);
        var (samples, train, heldOut) = (Drawn(metric.Count, progress), Pictures(data.Train), Pictures(data.Validation));   // of one file: a test part by other hands would be farther off for that alone
        var (sampleFeatures, trainFeatures, heldOutFeatures) = (extractor!.Features(samples), Hashed("reference", references.Features(extractor, train)), Hashed("held_out", references.Features(extractor, heldOut)));
        var inPixels = Memorization.Of(samples.flatten(1), train.flatten(1), heldOut.flatten(1));
        var inFeatures = Memorization.Of(sampleFeatures, trainFeatures, heldOutFeatures);
        NeighbourHits[] tries = [inPixels.Even, inFeatures.Even, inPixels.All, inFeatures.All];
        double Corrected(Func<NeighbourHits, double> of) => Math.Min(1, tries.Length * tries.Min(of));
        var least = Corrected(hits => hits.Least);
        static string Said(NeighbourHits hits) => Line($"{hits.TrainHits:N0} of {hits.Hits:N0} ({100.0 * hits.TrainHits / hits.Hits:F1} %), p {hits.P:G3}");
        return new Measurement(metric.Name, Corrected(hits => hits.P), "p", "none", metric.Count)
        {
            Details =
            [
                Line($"of the pictures that are nearest to some sample, so many were trained on: in pixels {Said(inPixels.Even)}; in features {Said(inFeatures.Even)} (50 % by chance)"),
                Line($"among all {train.shape[0]:N0} training and {heldOut.shape[0]:N0} held-out pictures: in pixels {Said(inPixels.All)}; in features {Said(inFeatures.All)} ({100 * inPixels.All.Fair:F1} % by chance); the value is four times the smallest p of the four"),
                .. least > 0.01 ? [Line($"the samples are so alike that the value could not have been below {least:G2}: of memories it says nothing")] : Array.Empty<string>(),
                Line($"samples whose nearest was trained on: {100 * inPixels.TrainWins:F1} % in pixels, p {inPixels.PTrainWins:G3}; {100 * inFeatures.TrainWins:F1} % in features, p {inFeatures.PTrainWins:G3} (by a coin for each: only where samples are independent)"),
                Line($"nearer to the training pictures than held-out ones are: {100 * inPixels.Nearer:F1} % of pairs in pixels, p {inPixels.PNearer:G3}; {100 * inFeatures.Nearer:F1} % in features, p {inFeatures.PNearer:G3} (likewise; and samples that are merely typical are near too)"),
            ],
            Provenance = new JsonObject
            {
                ["test"] = "distinct neighbours",
                ["hits_pixels"] = Json(inPixels.Even),
                ["hits_features"] = Json(inFeatures.Even),
                ["hits_of_all_pixels"] = Json(inPixels.All),
                ["hits_of_all_features"] = Json(inFeatures.All),
                ["least"] = least,
                ["train_wins_pixels"] = inPixels.TrainWins,
                ["p_train_wins_pixels"] = inPixels.PTrainWins,
                ["train_wins_features"] = inFeatures.TrainWins,
                ["p_train_wins_features"] = inFeatures.PTrainWins,
                ["nearer_pixels"] = inPixels.Nearer,
                ["p_nearer_pixels"] = inPixels.PNearer,
                ["nearer_features"] = inFeatures.Nearer,
                ["p_nearer_features"] = inFeatures.PNearer,
            },
            Sheet = NeighbourRows.Of(samples, train, heldOut,
                [(samples.flatten(1), train.flatten(1), heldOut.flatten(1), inPixels.Suspicion), (sampleFeatures, trainFeatures, heldOutFeatures, inFeatures.Suspicion)]),
        };

        static JsonObject Json(NeighbourHits hits) => new() { ["hits"] = hits.Hits, ["train_hits"] = hits.TrainHits, ["fair"] = hits.Fair, ["p"] = hits.P };
    }

    private Measurement Swd(SampleMetric metric, Action<double>? progress)
    {
        var reference = RealPictures(data.Train, metric.Count);
        var heldOut = RealPictures(HeldOut, metric.Count);
        var levels = SlicedWasserstein.Of(reference, Drawn(metric.Count, progress));
        return new Measurement(metric.Name, levels.Average(), "thousandths", "lower", metric.Count)
        {
            Floor = SlicedWasserstein.Of(reference[..(int)heldOut.shape[0]], heldOut).Average(),
            Ceiling = SlicedWasserstein.Of(reference, Noise(metric.Count)).Average(),
            Details = [$"of the levels, the finest first: {string.Join(" ", levels.Select(level => Line($"{level:F2}")))}"],
            Provenance = new JsonObject { ["by_level"] = new JsonArray([.. levels.Select(level => JsonValue.Create(level))]) },
        };
    }

    private Measurement C2st(SampleMetric metric, Action<double>? progress)
    {
        var reference = RealPictures(data.Train, metric.Count);
        var heldOut = RealPictures(HeldOut, metric.Count);
        var test = TwoSample.Of(reference, Drawn(metric.Count, progress));
        return new Measurement(metric.Name, test.Accuracy, "share", "lower", metric.Count)
        {
            StandardError = test.StandardError,
            Floor = OfEnough(4, heldOut, other => TwoSample.Of(reference[..(int)other.shape[0]], other).Accuracy),
            Details = [Line($"p {test.P:G3}: the chance of telling so many of {test.Tests:N0} apart if both were of one law, given how often the classifier answers either (Fisher's exact test); a half is a coin's")],
            Provenance = new JsonObject { ["p"] = test.P, ["tests"] = test.Tests, ["p_by"] = "fisher" },
        };
    }

    private Measurement ParzenWindow(SampleMetric metric, Action<double>? progress)
    {
        var samples = Drawn(metric.Count, progress).flatten(1);
        var sigma = Parzen.Best(samples, RealPictures(data.Validation, 1000).flatten(1));
        var heldOut = RealPictures(HeldOut, HeldOut.Count).flatten(1);
        var density = Parzen.LogDensity(samples, heldOut, sigma);
        var real = Parzen.LogDensity(RealPictures(data.Train, metric.Count).flatten(1), heldOut, sigma);
        return new Measurement(metric.Name, density.mean().item<double>(), "nats", "higher", metric.Count)
        {
            StandardError = density.std().item<double>() / Math.Sqrt(density.shape[0]),
            Floor = real.mean().item<double>(),
            Details = [Line($"sigma {sigma:F4}, chosen on the validation part. For history: it is far from the truth in many dimensions, and training pictures, or centroids, may score above the law itself")],
            Provenance = new JsonObject { ["sigma"] = sigma },
        };
    }

    // Samples far from data, or data far from samples; as many samples as training examples, so that one radius serves both.
    private Measurement Strayed(SampleMetric metric, Action<double>? progress)
    {
        Tensor train = RealPictures(data.Train, metric.Count).flatten(1), heldOut = RealPictures(HeldOut, metric.Count).flatten(1);
        var radius = Straying.Radius(train, RealPictures(data.Validation, data.Validation.Count).flatten(1));
        double Of(Tensor samples) => metric.Kind == "missed" ? Straying.Beyond(heldOut, samples, radius) : Straying.Beyond(samples, train, radius);
        var noise = (Noise(metric.Count).flatten(1) * 2 - 1) * train.abs().max();                // even over the square that the data lies in
        return new Measurement(metric.Name, Of(Drawn(metric.Count, progress).flatten(1)), "share", "lower", metric.Count)
        {
            Floor = Straying.Beyond(heldOut, train, radius),
            Ceiling = Of(noise),
            Details = [Line($"farther than {radius:G4}, within which 99 % of the validation part have one of {train.shape[0]:N0} training examples")],
            Provenance = new JsonObject { ["radius"] = radius, ["radius_split"] = data.Validation.Name },
        };
    }

    private Measurement Modes(SampleMetric metric, Action<double>? progress)
    {
        if (Toy.Named(data.Name) is { } toy)
        {
            var report = ModeReport.Of(toy, Drawn(metric.Count, progress));
            return new Measurement(metric.Name, report.Covered, "modes", "higher", metric.Count)
            {
                Floor = ModeReport.Of(toy, RealPictures(HeldOut, metric.Count)).Covered,
                Details =
                [
                    Line($"of {toy.Centres.Count}, with a fifth of their fair share within three deviations; {report.Touched} have any; {100 * report.HighQuality:F1} % of the samples lie within three deviations of a mode"),
                    Line($"KL from the law's shares: {report.Kl:F4} nats; {report.KlFloor:F4} for as many draws of the law itself"),
                ],
                Provenance = new JsonObject { ["touched"] = report.Touched, ["high_quality"] = report.HighQuality, ["kl"] = report.Kl, ["kl_floor"] = report.KlFloor },
            };
        }
        if (data.Shape.Channels != 3 || extractor is not { Classifies: true, Shape.Channels: 1 })
            throw new MetricException($"{metric.Name} counts the modes of a toy, or, on stacked-mnist, the digits of the three colours by --features RUN of a classifier of grey digits.");

        var counts = Triples(Drawn(metric.Count, progress));
        var real = Triples(RealPictures(HeldOut, metric.Count));
        var modes = counts.Length;
        double Kl(double[] some) => ModeReport.KlOfCounts(some, [.. Enumerable.Repeat(1.0 / modes, modes)]);
        var floor = (modes - 1) / (2.0 * metric.Count);
        return new Measurement(metric.Name, counts.Count(count => count > 0), "modes", "higher", metric.Count)
        {
            Floor = real.Count(count => count > 0),
            Details = [Line($"of {modes:N0}; KL from even shares {Kl(counts):F4} nats, {Kl(real):F4} for data, {floor:F4} to first order for as many draws of even shares")],
            Provenance = new JsonObject { ["kl"] = Kl(counts), ["kl_data"] = Kl(real), ["kl_floor"] = floor },
        };
    }

    private double[] Triples(Tensor pictures)
    {
        var answers = Enumerable.Range(0, 3).Select(c => extractor!.Probabilities(pictures[.., c..(c + 1)]).argmax(1).data<long>().ToArray()).ToList();
        var classes = extractor!.Probabilities(pictures[..1, ..1]).shape[1];
        var counts = new double[classes * classes * classes];
        for (var i = 0; i < answers[0].Length; i++) counts[(answers[0][i] * classes + answers[1][i]) * classes + answers[2][i]]++;
        return counts;
    }

    // Features of the model itself: of the discriminator, or of the encoder; those of raw pixels are the floor.
    private Measurement Probed(SampleMetric metric)
    {
        Func<Batch, Tensor> features = model switch
        {
            IFeatures own => batch => own.Features(batch.X),
            IEncoder encoder => batch => encoder.Encode(batch).Code,
            _ => throw new MetricException($"{model.GetType().Name} has neither a discriminator nor an encoder to read features from."),
        };
        (Tensor X, Tensor Y) All(Split split, Func<Batch, Tensor> of)
        {
            var count = Math.Min(split.Count, ProbeExamples);
            var parts = Enumerable.Range(0, (count + BatchSize - 1) / BatchSize).Select(i =>
            {
                using var step = NewDisposeScope();
                var batch = split.InOrder(i * BatchSize, Math.Min(BatchSize, count - i * BatchSize), PixelRange.Unit).To(device);
                if (batch.Labels is null) throw new MetricException($"{metric.Name} needs labels, and {data.Name} has none.");
                return (X: of(batch).cpu().MoveToOuterDisposeScope(), Y: batch.Labels.cpu().MoveToOuterDisposeScope());
            }).ToList();
            return (cat([.. parts.Select(part => part.X)]), cat([.. parts.Select(part => part.Y)]));
        }
        double Accuracy(Func<Batch, Tensor> of) => OfProbe(All(data.Train, of), All(HeldOut, of));
        double OfProbe((Tensor X, Tensor Y) train, (Tensor X, Tensor Y) test) => metric.Kind == "linear_probe" ? Probe.Linear(train, test) : Probe.NearestNeighbours(train, test);
        return new Measurement(metric.Name, Accuracy(features), "share", "higher", Math.Min(HeldOut.Count, ProbeExamples))
        {
            Ceiling = Accuracy(batch => batch.X.flatten(1)),
            Details = [Line($"learned from {Math.Min(data.Train.Count, ProbeExamples):N0} labelled examples; beside it what raw pixels give")],
        };
    }

    /// <summary>Lets go of what was drawn: the next measurement is of the model as it is then.</summary>
    internal void Forget()
    {
        foreach (var samples in drawn.Values) samples.Dispose();
        drawn.Clear();
    }

    private Tensor Drawn(int count, Action<double>? progress)
    {
        if (drawn.TryGetValue(count, out var known)) return known;
        var made = draw is null ? Drawn(model, data.Shape, count, device, progress, Truncation) : data.Shape.IsPoint ? draw(count, progress) : Rounded(draw(count, progress));
        return drawn[count] = made.DetachFromDisposeScope();
    }

    /// <summary>What the model makes of the seeds 0 to N - 1, rounded to bytes as a file would be.</summary>
    internal static Tensor Drawn(object model, PictureShape shape, int count, Device device, Action<double>? progress = null, double? truncation = null)
    {
        return Filled(count, (at, some) =>
        {
            var seeds = Enumerable.Range(at, some).Select(seed => (long)seed).ToList();
            var pictures = Samples.Of(model, seeds, device, draw: shape.IsPoint, truncation: truncation).cpu();
            progress?.Invoke((at + some) / (double)count);
            return shape.IsPoint ? pictures : Rounded(pictures);
        });
    }

    // A batch after the other put in its place, so that nothing is held twice.
    private static Tensor Filled(int count, Func<int, int, Tensor> make)
    {
        using var scope = NewDisposeScope();
        Tensor? all = null;
        for (var at = 0; at < count; at += BatchSize)
        {
            using var step = NewDisposeScope();
            var some = make(at, Math.Min(BatchSize, count - at));
            all ??= empty([count, .. some.shape[1..]], some.dtype).MoveToOuterDisposeScope();
            all.narrow(0, at, some.shape[0]).copy_(some);
        }
        return all!.MoveToOuterDisposeScope();
    }

    private Tensor Reference(int count) => Hashed("reference", references.Features(extractor!, RealPictures(data.Train, count)));
    private Tensor Other(int count) => Hashed("held_out", references.Features(extractor!, RealPictures(HeldOut, count)));
    private Tensor HeldOutProbabilities(int count) => Hashed("held_out", references.Probabilities(extractor!, RealPictures(HeldOut, count)));
    private Tensor OfNoise(int count) => references.Features(extractor!, Noise(count)).Values;

    private Tensor Hashed(string part, (Tensor Values, string Hash) made)
    {
        hashes[part] = made.Hash;
        return made.Values;
    }

    internal static Tensor RealPictures(Split split, int count)
    {
        return Filled(Math.Min(count, split.Count), (at, some) => split.InOrder(at, some, PixelRange.Unit).X);
    }

    // Every value even and by itself: as far from a picture as a picture can be.
    private Tensor Noise(int count)
    {
        using var chance = new Generator((ulong)Seeds.At(0, 0, "noise"), CPU);
        var noise = rand([count, data.Shape.Channels, data.Shape.Height, data.Shape.Width], generator: chance);
        return data.Shape.IsPoint ? noise : noise.mul_(255).round_().div_(255);
    }

    private static Tensor Rounded(Tensor pictures)
    {
        using var scope = NewDisposeScope();
        return pictures.clamp(0, 1).mul_(255).round_().div_(255).MoveToOuterDisposeScope();
    }

    private JsonObject Provenance(SampleMetric metric, JsonObject? own)
    {
        var all = own ?? [];
        all["extractor"] = metric.WantsExtractor || metric.Kind == "modes" ? extractor?.Name : null;
        all["extractor_sha256"] = metric.WantsExtractor || metric.Kind == "modes" ? extractor?.Hash : null;
        all["resize"] = metric.WantsExtractor ? extractor!.ResizeOf(data.Shape) : "none";
        all["quantization"] = data.Shape.IsPoint ? "none" : "8 bits";
        all["reference_split"] = metric.Kind.EndsWith("probe", StringComparison.Ordinal) ? HeldOut.Name : "train";
        all["reference_count"] = metric.Count == 0 ? null : Math.Min(metric.Count, data.Train.Count);
        var heldOut = metric.Kind == "memorization" ? data.Validation : HeldOut;
        all["reference_sha256"] = hashes.GetValueOrDefault("reference");
        all["held_out"] = heldOut.Name;
        all["held_out_count"] = metric.Count == 0 || metric.Kind == "memorization" ? heldOut.Count : Math.Min(metric.Count, heldOut.Count);
        all["held_out_sha256"] = hashes.GetValueOrDefault("held_out");
        all["truncation"] = Truncation;
        all["seeds"] = metric.Count == 0 ? null : $"0-{metric.Count - 1}";
        return all;
    }

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
