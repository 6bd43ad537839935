using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using Manifold.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>How much of a checkerboard lies over a model's pictures: power at the finest stripes a grid can hold, beside that of slightly wider ones.</summary>
/// <remarks>
/// A decoder whose upsampling treats even and odd pixels differently adds a pattern of period two, a spike at half a cycle a
/// pixel. Pictures have no reason for more power just there than a little below it, however blurred or sharp they are; so the ratio
/// of the two is about 1 without a pattern. The artifact: Odena, Dumoulin and Olah 2016, https://distill.pub/2016/deconv-checkerboard.
/// </remarks>
public static class Checkerboard
{
    private const int Least = 16;      // rows and columns that the three frequencies need to lie apart

    /// <summary>The ratio for pictures of the prior (seeds 0 to K - 1), with that of the first K pictures of the part as reference.</summary>
    public static Measurement Measure(string metric, IDecoder model, Split split, int k, Device device)
    {
        if (Math.Min(model.Shape.Height, model.Shape.Width) < Least)
            throw new MetricException($"{metric} needs pictures of {Least} rows and columns at least; the model's have {model.Shape.Height} x {model.Shape.Width}.");
        using var scope = NewDisposeScope();
        var made = InChunks(k, (at, count) => Latents.Pictures(model, [.. Enumerable.Range(at, count).Select(seed => (long)seed)], device));
        var real = InChunks(Math.Min(k, split.Count), (at, count) => split.InOrder(at, count, PixelRange.Unit).X.to(device));
        return new Measurement(metric, Ratio(made), "power at half a cycle a pixel over that a little below", "none", k) { Reference = Ratio(real) };
    }

    private static Tensor InChunks(int count, Func<int, int, Tensor> pictures)
    {
        const int chunk = 100;
        return cat([.. Enumerable.Range(0, (count + chunk - 1) / chunk).Select(i =>
        {
            using var inner = NewDisposeScope();
            return Powers(pictures(i * chunk, Math.Min(chunk, count - i * chunk))).MoveToOuterDisposeScope();
        })]);
    }

    /// <summary>The ratio for these pictures, [N, C, H, W].</summary>
    public static double Of(Tensor pictures)
    {
        using var scope = NewDisposeScope();
        return Ratio(Powers(pictures));
    }

    private static double Ratio(Tensor powers)
    {
        var mean = powers.mean([0]);
        return (mean[0] / mean[1]).item<double>();
    }

    // Of each picture: power at the finest stripes either way, and at those two and three cycles a picture wider. [N, C, H, W] to [N, 2].
    private static Tensor Powers(Tensor pictures)
    {
        using var scope = NewDisposeScope();
        var even = pictures[.., .., ..(int)(pictures.shape[2] / 2 * 2), ..(int)(pictures.shape[3] / 2 * 2)].to_type(ScalarType.Float64);
        var (h, w) = (even.shape[2], even.shape[3]);
        // Hann's window: a picture does not go on at its edge, and the jump would leak into every frequency.
        static Tensor Window(long n) => 0.5 - 0.5 * (2 * Math.PI * (arange(n, dtype: ScalarType.Float64) + 0.5) / n).cos();
        var windowed = (even - even.mean([2, 3], keepdim: true)) * Window(h).unsqueeze(1).to(even.device) * Window(w).to(even.device);
        var power = fft.fft2(windowed).abs().square().mean([1]);                                  // [N, H, W]
        Tensor Along(Func<long, Tensor> rows, Func<long, Tensor> columns, params long[] below) =>
            stack([.. below.SelectMany(b => new[] { rows(h / 2 - b).mean([1]), columns(w / 2 - b).mean([1]) })], 1).mean([1]);   // [N]
        Tensor Of(params long[] below) => Along(row => power.select(1, row), column => power.select(2, column), below);
        return stack([Of(0), Of(3, 4)], 1).MoveToOuterDisposeScope();                             // the window widens a spike by one bin each way
    }
}
