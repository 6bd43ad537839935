using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using Manifold.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>A square of the plane about the origin, cut into square cells.</summary>
/// <param name="Reach">From -Reach to Reach each way.</param>
/// <param name="Cells">On a side.</param>
public sealed record Plane(double Reach, int Cells)
{
    /// <summary>Of a cell.</summary>
    public double Side => 2 * Reach / Cells;

    /// <summary>The middles of the cells, row by row from the top left: [Cells * Cells, 2, 1, 1].</summary>
    public Tensor Middles()
    {
        using var scope = NewDisposeScope();
        var along = (arange(Cells, dtype: ScalarType.Float32) + 0.5) * Side - Reach;          // [Cells]
        return stack([along.repeat(Cells), along.flip(0).repeat_interleave(Cells)], 1).view(-1, 2, 1, 1).MoveToOuterDisposeScope();
    }

    /// <summary>The probability of a density in the square: its sum over the cells, [Cells, Cells], times their area.</summary>
    public double Share(Tensor density) => density.sum().item<double>() * Side * Side;
}

/// <summary>The densities of laws and models over the plane, per unit of area: [Cells, Cells], the top row first.</summary>
public static class PlaneDensity
{
    private const int BytesPerChunk = 8 << 20;                                                // of log p(x|z), pair by pair

    /// <summary>The law itself.</summary>
    public static Tensor OfLaw(Toy toy, Plane plane)
    {
        using var scope = NewDisposeScope();
        return toy.LogDensity(plane.Middles()).exp().view(plane.Cells, plane.Cells).MoveToOuterDisposeScope();
    }

    /// <summary>A model with a likelihood, at the middles of the cells.</summary>
    public static Tensor OfModel(IEvidenceModel model, Plane plane, int codes, Device device, Action<double>? progress = null)
    {
        using var scope = NewDisposeScope();
        return LogDensity(model, plane.Middles(), codes, device, progress).exp().view(plane.Cells, plane.Cells).MoveToOuterDisposeScope();
    }

    /// <summary>log p of points, nats, as the mean of the decoder's laws over codes of the prior, seeds 0 to codes - 1: [N, 2, 1, 1] to [N].</summary>
    /// <remarks>
    /// The prior's codes and not the posterior's: where there is no data the encoder was never asked, and its q(z|x) may lie off
    /// every code that explains x, so that importance weights of any affordable number understate p. The mixture is a density
    /// whatever the codes, the same one for every point.
    /// </remarks>
    public static Tensor LogDensity(IEvidenceModel model, Tensor points, int codes, Device device, Action<double>? progress = null)
    {
        using var scope = NewDisposeScope();
        using var _ = inference_mode();
        points = points.to(device);
        var chunk = (int)Math.Max(1, BytesPerChunk / (points.shape[0] * sizeof(float)));
        Tensor? total = null;                                                                 // log of the sum over the codes so far, [N]
        for (var done = 0; done < codes; done += chunk)
        {
            using var inner = NewDisposeScope();
            var seeds = Enumerable.Range(done, Math.Min(chunk, codes - done)).Select(seed => (long)seed).ToList();
            var condition = model.Classes == 0 ? null : Condition.OneHot(tensor(seeds.Select(seed => seed % model.Classes).ToArray()), model.Classes)!.to(device);
            var part = model.LogPairs(points, Latents.FromSeeds(seeds, model).to(device), condition).logsumexp(0).to_type(ScalarType.Float64);   // [codes, N] to [N]
            var sum = total is null ? part : logaddexp(total, part);
            total?.Dispose();
            total = sum.MoveToOuterDisposeScope();
            progress?.Invoke((done + seeds.Count) / (double)codes);
        }
        return (total! - Math.Log(codes)).cpu().MoveToOuterDisposeScope();
    }

    /// <summary>Samples counted by cells, each count spread by a normal kernel whose deviation is a cell's side.</summary>
    /// <param name="points">[N, 2] or [N, 2, 1, 1]; those outside the square are counted among the N, and in no cell.</param>
    public static Tensor OfSamples(Tensor points, Plane plane)
    {
        using var scope = NewDisposeScope();
        var xy = points.flatten(1).ExpectShape([-1, 2]).detach().cpu().to_type(ScalarType.Float64);
        var counts = new double[plane.Cells * plane.Cells];
        var values = xy.contiguous().data<double>().ToArray();
        for (var i = 0; i < values.Length; i += 2)
        {
            var (column, row) = (Math.Floor((values[i] + plane.Reach) / plane.Side), Math.Floor((plane.Reach - values[i + 1]) / plane.Side));
            if (column >= 0 && column < plane.Cells && row >= 0 && row < plane.Cells) counts[(int)row * plane.Cells + (int)column]++;   // NaN is in none
        }
        var away = arange(plane.Cells, dtype: ScalarType.Float64);
        var kernel = (-0.5 * (away.unsqueeze(1) - away).square()).exp();
        kernel = kernel / kernel.sum(0, keepdim: true);                                       // what a cell spreads sums to what it has, at the edge too
        var density = tensor(counts).view(plane.Cells, plane.Cells) / (values.Length / 2 * plane.Side * plane.Side);
        return kernel.mm(density).mm(kernel.t()).MoveToOuterDisposeScope();
    }
}
