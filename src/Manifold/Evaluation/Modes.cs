using Manifold.Data;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>How samples lie on modes that are known.</summary>
/// <param name="Covered">Modes that have at least a fifth of their fair share of the samples within three deviations.</param>
/// <param name="Touched">Modes that have any sample there.</param>
/// <param name="HighQuality">Share of the samples within three deviations of some mode.</param>
/// <param name="Kl">KL( shares of the samples, by nearest mode || shares of the law ), nats.</param>
/// <param name="KlFloor">What that KL is for as many draws of the law itself, to first order: (modes - 1) / (2 N).</param>
public sealed record ModeReport(int Covered, int Touched, double HighQuality, double Kl, double KlFloor)
{
    /// <summary>A mode counts as covered with this part of its fair share.</summary>
    public const double FairPart = 0.2;

    private const int Rows = 10_000;                                            // of points, to all modes at once

    /// <summary>Counts points by modes.</summary>
    /// <param name="points">[N, 2] or [N, 2, 1, 1].</param>
    /// <exception cref="MetricException">The toy has no modes.</exception>
    public static ModeReport Of(Toy toy, Tensor points)
    {
        if (toy.Centres.Count == 0) throw new MetricException($"{toy.Name} has no modes to count.");
        using var scope = NewDisposeScope();
        var xy = points.flatten(1).ExpectShape([-1, 2]).detach().cpu().to_type(ScalarType.Float64);
        var centres = tensor(toy.Centres.SelectMany(centre => new[] { centre.X, centre.Y }).ToArray()).view(-1, 2);
        var (inside, mode) = (new List<bool>((int)xy.shape[0]), new List<long>((int)xy.shape[0]));
        foreach (var some in xy.split(Rows))
        {
            using var step = NewDisposeScope();
            var (squared, nearest) = (some.unsqueeze(1) - centres.unsqueeze(0)).square().sum(2).min(1);        // [rows] each
            inside.AddRange(squared.sqrt().le(3 * toy.Deviation).data<bool>().ToArray());
            mode.AddRange(nearest.data<long>().ToArray());
        }
        var (all, good) = (new double[toy.Centres.Count], new double[toy.Centres.Count]);
        for (var i = 0; i < mode.Count; i++)
        {
            all[mode[i]]++;
            if (inside[i]) good[mode[i]]++;
        }
        return new ModeReport(
            Enumerable.Range(0, all.Length).Count(m => good[m] >= FairPart * toy.Shares[m] * mode.Count && good[m] > 0),
            good.Count(count => count > 0), good.Sum() / mode.Count, KlOfCounts(all, toy.Shares), (all.Length - 1) / (2.0 * mode.Count));
    }

    /// <summary>KL( counts as shares || shares ), nats; what has no count adds nothing.</summary>
    public static double KlOfCounts(IReadOnlyList<double> counts, IReadOnlyList<double> shares)
    {
        var total = counts.Sum();
        return counts.Zip(shares).Sum(pair => pair.First == 0 ? 0 : pair.First / total * Math.Log(pair.First / total / pair.Second));
    }
}
