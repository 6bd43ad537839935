using Manifold.Data;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>How every number is taken: batch by batch in order, each with noise of its own, then the mean and its standard error.</summary>
internal static class PerExample
{
    public const int BatchSize = 100;                            // part of the protocol: the noise is drawn batch by batch

    /// <summary>What is measured of each batch. Each brings its own seed, so that a number does not depend on which others were taken before it.</summary>
    public static List<Tensor> Of(Func<Batch, Tensor> measure, Split split, int count, Device device, Action<double>? progress)
    {
        var results = new List<Tensor>();
        for (var at = 0; at < count; at += BatchSize)
        {
            using var scope = NewDisposeScope();
            var batch = split.InOrder(at, Math.Min(BatchSize, count - at), PixelRange.Unit).To(device);
            manual_seed(Seeds.At(0, at, "evaluate"));
            results.Add(measure(batch).MoveToOuterDisposeScope());
            progress?.Invoke((at + batch.Count) / (double)count);
        }
        return results;
    }

    /// <summary>The mean over all examples, each [B] in nats or another unit.</summary>
    public static Measurement Mean(string metric, string unit, string better, List<Tensor> perExample)
    {
        using var scope = NewDisposeScope();
        var values = cat(perExample).to_type(ScalarType.Float64);                                 // [N]
        var n = values.shape[0];
        return new Measurement(metric, values.mean().item<double>(), unit, better, n)
        {
            StandardError = n > 1 ? values.std().item<double>() / Math.Sqrt(n) : null
        };
    }
}
