using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>Numbers of a latent-variable model on a part of a data set. The noise of every number comes from one fixed seed.</summary>
public static partial class LatentMetrics
{
    private const long BytesPerChunk = 8L << 20;                // of the decoder's widest map, held at once by iwae_K

    /// <summary>The names, for messages and help.</summary>
    public static readonly IReadOnlyList<string> Names = ["elbo", "iwae_K", "bits_per_dim", "recon_mse", "kl_per_dim", "active_units", "collapse", "aggregate_kl", "checkerboard_K"];

    /// <summary>Takes one measurement.</summary>
    /// <param name="limit">Only the first so many examples; all if null.</param>
    /// <exception cref="MetricException">There is no metric of that name.</exception>
    public static Measurement Measure(string metric, IEvidenceModel model, Split split, Device device, int? limit = null, Action<double>? progress = null)
    {
        var count = Math.Min(limit ?? int.MaxValue, split.Count);
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        using var _ = inference_mode();
        List<Tensor> Each(Func<Batch, Tensor> measure) => PerExample.Of(measure, split, count, device, progress);

        var result = metric switch
        {
            "elbo" => PerExample.Mean(metric, "nats", "higher", Each(batch => -model.Elbo(batch).Nll)),
            "bits_per_dim" => BitsPerDim(metric, model, split, Each),
            "recon_mse" => PerExample.Mean(metric, model.Shape.IsPoint ? "squared units" : "squared units of [0, 1]", "lower", Each(batch => ReconstructionError(model, batch))),
            "kl_per_dim" => KlPerDim(metric, count, Each(batch => cat([.. model.Elbo(batch).KlByLatent.Values.Select(kl => kl.flatten(1))], 1).sum(dim: 0))),
            "active_units" => ActiveUnits(metric, Each(batch => model.Encode(batch).Code)),
            "collapse" => Collapse(metric, model, count, Each),
            "aggregate_kl" => AggregatePosterior.Kl(metric, model, split, count, PerExample.BatchSize, device, progress),
            _ when Number(CheckerboardName(), metric) is { } k => Checkerboard.Measure(metric, model, split, k, device),
            _ when Number(IwaeName(), metric) is { } k => PerExample.Mean(metric, "nats", "lower", Each(batch => Iwae(model, batch, k))),
            _ => throw Unknown(metric),
        };
        return result with { Seconds = clock.Elapsed.TotalSeconds };
    }

    /// <exception cref="MetricException">There is no metric of that name.</exception>
    public static void ExpectKnown(string metric)
    {
        if (!IsKnown(metric)) throw Unknown(metric);
    }

    internal static bool IsKnown(string metric) => Names.Contains(metric) && !metric.EndsWith("_K", StringComparison.Ordinal) || Number(IwaeName(), metric) is not null || Number(CheckerboardName(), metric) is not null;

    /// <summary>-L_K of each example, [B], nats: an upper bound of -log p(x) by K samples, drawn chunk by chunk so that memory does not grow with K.</summary>
    /// <remarks>Burda et al. 2016, https://arxiv.org/abs/1509.00519, equation 8; log-sum-exp over all K, not over the chunks' means.</remarks>
    public static Tensor Iwae(IEvidenceModel model, Batch batch, int k)
    {
        using var scope = NewDisposeScope();
        var chunk = (int)Math.Clamp(BytesPerChunk / (batch.Count * model.WidestMap * sizeof(float)), 1, k);
        var q = model.Encode(batch);
        Tensor? total = null;                                                                     // log of the sum of weights so far, [B]
        for (var done = 0; done < k; done += chunk)
        {
            using var inner = NewDisposeScope();
            var part = model.LogWeights(batch, Math.Min(chunk, k - done), q).to_type(ScalarType.Float64).logsumexp(0);   // [B]
            var sum = total is null ? part : logaddexp(total, part);
            total?.Dispose();
            total = sum.MoveToOuterDisposeScope();
        }
        return (Math.Log(k) - total!).MoveToOuterDisposeScope();
    }

    private static Tensor ReconstructionError(IEvidenceModel model, Batch batch) =>
        (model.Decode(model.Encode(batch).Code, Condition.OneHot(batch.Labels, model.Classes)) - batch.X).square().flatten(1).mean([1]);   // [B]

    // nll / (dims ln 2); the density of (byte + u) / 256 is 256^dims times that of byte + u, which bounds the byte's probability: 8 bits more.
    private static Measurement BitsPerDim(string metric, IEvidenceModel model, Split split, Func<Func<Batch, Tensor>, List<Tensor>> each)
    {
        if (model.Shape.IsPoint) throw new MetricException("bits_per_dim is of values that are told apart, and points are not; their nats are of a density: elbo, iwae_K.");
        if (!model.IsDiscrete && !split.Dequantize)
            throw new MetricException("bits_per_dim is for probabilities, and this run's likelihood is a density of undequantized pixels; its nats are no bits of a picture. Train with --set data.dequantize=true, or with another model.likelihood.kind.");
        var nll = PerExample.Mean(metric, "bits, from the ELBO", "lower", each(batch => model.Elbo(batch).Nll));
        var perNat = 1 / (model.Shape.Dims * Math.Log(2));
        return nll with { Value = nll.Value * perNat + (split.Dequantize ? 8 : 0), StandardError = nll.StandardError * perNat };
    }

    // Latents that carry less than a hundredth of a nat, with what each of them does.
    private static Measurement Collapse(string metric, IEvidenceModel model, int count, Func<Func<Batch, Tensor>, List<Tensor>> each)
    {
        IReadOnlyList<(string Name, long Size)> groups = [];
        var sums = each(batch =>
        {
            var kl = model.Elbo(batch).KlByLatent;
            groups = [.. kl.Select(group => (group.Key, group.Value.flatten(1).shape[1]))];
            return cat([.. kl.Values.Select(group => group.flatten(1))], 1).sum(dim: 0);
        });
        var kl = (stack(sums).to_type(ScalarType.Float64).sum(dim: 0) / (double)count).data<double>().ToArray();
        var moves = cat(each(batch => model.Encode(batch).Code)).to_type(ScalarType.Float64).var(0, unbiased: false).data<double>().ToArray();
        return CollapseReport.Of(metric, kl, moves, groups, count);
    }

    private static Measurement KlPerDim(string metric, long count, List<Tensor> sums)
    {
        var mean = stack(sums).to_type(ScalarType.Float64).sum(dim: 0) / (double)count;                        // [latents]
        return new Measurement(metric, mean.mean().item<double>(), "nats", "none", count) { PerLatent = mean.data<double>().ToArray() };
    }

    // A latent is active when its posterior mean moves with x: Var_x(mu_j) > 0.01 (Burda et al. 2016, section 5.2).
    private static Measurement ActiveUnits(string metric, List<Tensor> means)
    {
        var mu = cat(means).to_type(ScalarType.Float64);                                          // [N, D]
        var variance = mu.var(0, unbiased: false);
        return new Measurement(metric, variance.gt(0.01).sum().item<long>(), "latents", "none", mu.shape[0]) { PerLatent = variance.data<double>().ToArray() };
    }

    // K of a name such as iwae_K, or null.
    private static int? Number(Regex form, string metric) =>
        form.Match(metric) is { Success: true } name && int.TryParse(name.Groups[1].Value, CultureInfo.InvariantCulture, out var k) && k > 0 ? k : null;

    private static MetricException Unknown(string metric) =>
        new($"No metric \"{metric}\".{Suggest.DidYouMean(metric, Names)} Metrics of this model: {string.Join(", ", Names)} (K a number of samples, such as iwae_5000).");

    [GeneratedRegex(@"^checkerboard_(\d+)$")]
    private static partial Regex CheckerboardName();

    [GeneratedRegex(@"^iwae_(\d+)$")]
    private static partial Regex IwaeName();
}
