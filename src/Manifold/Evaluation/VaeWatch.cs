using Manifold.Data;
using Manifold.Layers;
using Manifold.Models;
using Manifold.Sampling;
using Manifold.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>
/// Compares a variational autoencoder's reconstructions with the data, and its samples with its reconstructions, at each evaluation:
/// <c>recon_share</c> and <c>sample_gap</c>.
/// </summary>
/// <param name="data">The split whose first examples are reconstructed.</param>
/// <param name="count">Examples, and samples of the prior.</param>
public sealed class VaeWatch(IEvidenceModel model, Split data, Device device, int count = 200) : IObserver
{
    /// <summary>The squared error of reconstructions over that of the mean picture: 1 where an encoder and a decoder tell nothing.</summary>
    public const string ReconShare = "recon_share";

    /// <summary>The energy coefficient between samples and reconstructions, 0 (alike) to 1.</summary>
    public const string SampleGap = "sample_gap";

    public IReadOnlyDictionary<string, double> Look(Moment moment)
    {
        var n = Math.Min(count, data.Count);
        if (moment.ExamplesSeen == 0 || n < 2) return new Dictionary<string, double>();      // networks as they were made say nothing of the run
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var batch = data.InOrder(0, n, PixelRange.Unit).To(device);
        var reconstructions = model.Decode(model.Encode(batch).Code, Condition.OneHot(batch.Labels, model.Classes));   // [N, C, H, W]
        var samples = Latents.Pictures(model, [.. Enumerable.Range(0, n).Select(seed => (long)seed)], device);
        return new Dictionary<string, double>
        {
            [ReconShare] = Share(batch.X, reconstructions),
            [SampleGap] = EnergyCoefficient(samples, reconstructions),
        };
    }

    /// <summary>Squared error of reconstructions over that of the mean of x; 0 where x does not vary.</summary>
    /// <param name="x">[N, ...], and so reconstructions.</param>
    internal static double Share(Tensor x, Tensor reconstructions)
    {
        using var scope = NewDisposeScope();
        var ofMean = (x - x.mean([0], keepdim: true)).square().mean().item<float>();
        return ofMean > 0 ? (x - reconstructions).square().mean().item<float>() / ofMean : 0;
    }

    /// <summary>(2 E|a - b| - E|a - a'| - E|b - b'|) / (2 E|a - b|), of pictures taken as vectors: 0 for one distribution, at most 1.</summary>
    /// <param name="a">[N, ...], N at least 2.</param>
    /// <param name="b">[M, ...], M at least 2.</param>
    /// <remarks>Székely and Rizzo 2013, "Energy statistics", section 6; pairs of one example with itself are left out.</remarks>
    internal static double EnergyCoefficient(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        static double Within(Tensor x) => cdist(x, x).sum().item<double>() / (x.shape[0] * (x.shape[0] - 1.0));
        var (one, other) = (a.flatten(1).to_type(ScalarType.Float64), b.flatten(1).to_type(ScalarType.Float64));
        var between = 2 * cdist(one, other).mean().item<double>();
        return between > 0 ? (between - Within(one) - Within(other)) / between : 0;
    }
}
