using Manifold.Data;
using Manifold.Distributions;
using Manifold.Engine;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>The law of codes that the data makes, q(z) = 1/N sum_n q(z|x_n): the prior should look like it, or samples come from where no picture ever was.</summary>
public static class AggregatePosterior
{
    /// <summary>KL( q(z) || p(z) ), nats, by one draw of each picture's posterior.</summary>
    /// <remarks>
    /// log q(z) is taken over the same N pictures that the draws come from, each draw's own among them; so the estimate is too high,
    /// by less than it would be with fewer pictures, and KL( q(z|x) || p(z) ) averaged less this is at most ln N. Hoffman and Johnson
    /// 2016, "ELBO surgery".
    /// </remarks>
    public static Measurement Kl(string metric, IEvidenceModel model, Split split, int count, int batchSize, Device device, Action<double>? progress = null)
    {
        using var scope = NewDisposeScope();
        var posteriors = new List<(Posterior Q, long Count)>();
        var draws = new List<Tensor>();
        for (var at = 0; at < count; at += batchSize)
        {
            var batch = split.InOrder(at, Math.Min(batchSize, count - at), PixelRange.Unit).To(device);
            manual_seed(Seeds.At(0, at, "evaluate"));
            var q = model.Encode(batch);
            posteriors.Add((q, batch.Count));
            draws.Add(q.Sample(q.Noise()));                                                       // [B, D]
        }

        var ratios = new List<Tensor>();
        foreach (var z in draws)
        {
            using var inner = NewDisposeScope();
            var logs = new List<Tensor>();
            foreach (var (q, pictures) in posteriors)
            {
                using var pair = NewDisposeScope();
                var all = z.unsqueeze(1).expand(-1, pictures, -1);                                // [M, B, D]: every draw under every picture's posterior
                logs.Add(q.LogDensity(all).sum(-1).to_type(ScalarType.Float64).MoveToOuterDisposeScope());   // [M, B]
            }
            var logQ = cat(logs, 1).logsumexp(1) - Math.Log(count);                               // [M]
            ratios.Add((logQ - model.Prior.LogDensity(z).sum(-1).to_type(ScalarType.Float64)).MoveToOuterDisposeScope());
            progress?.Invoke(ratios.Count / (double)draws.Count);
        }
        var values = cat(ratios);                                                                 // [N]
        return new Measurement(metric, values.mean().item<double>(), "nats", "lower", count) { StandardError = values.std().item<double>() / Math.Sqrt(count) };
    }
}
