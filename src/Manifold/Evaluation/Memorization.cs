using Manifold.Data;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>Pictures of a pool of training and held-out ones that are the nearest of some sample.</summary>
/// <param name="Hits">Each counts once, however many samples share it.</param>
/// <param name="TrainHits">Those of them that are training pictures.</param>
/// <param name="Fair">The share of training pictures in the pool, and by chance of hits.</param>
/// <param name="P">The chance of so many, if it were chance which of the pool were trained on.</param>
/// <param name="Least">The smallest that P could have been with so many hits; where this is large, nothing can be told.</param>
/// <remarks>Exact, however alike the samples are: given them and the pool, the hits are settled, and the training pictures among these are marked balls drawn from an urn (Fisher's exact test).</remarks>
public sealed record NeighbourHits(int Hits, int TrainHits, double Fair, double P, double Least)
{
    internal static NeighbourHits Of(IReadOnlyCollection<int> hits, int train, int heldOut)
    {
        var trained = hits.Count(i => i < train);
        double P(int found) => RankTest.MarkedAtLeast(found, hits.Count, train, train + heldOut);
        return new NeighbourHits(hits.Count, trained, train / (double)(train + heldOut), P(trained), P(Math.Min(hits.Count, train)));
    }
}

/// <summary>Whether samples lie nearer to the pictures that a model was trained on than chance has it.</summary>
/// <param name="Even">Hits in a pool of as many training as held-out pictures.</param>
/// <param name="All">Hits in a pool of all of both: where few of the training pictures are remembered, the pool must have them.</param>
/// <param name="TrainWins">Of samples, the share whose nearest in the even pool is a training picture; about a half for a model that remembers none, however typical its samples are.</param>
/// <param name="PTrainWins">The chance of so large a share by a coin for each sample: right only where the samples are independent, and so not for a model that has collapsed.</param>
/// <param name="Nearer">Share of pairs of a sample and a held-out picture in which the sample is the nearer to its nearest training picture.</param>
/// <param name="PNearer">The chance of so large a share if samples were as new as held-out pictures (Mann and Whitney), and independent.</param>
/// <param name="Nearest">Index of each sample's nearest training picture, of all of them.</param>
/// <param name="Suspicion">Of each sample, the distance to its nearest training picture over that to its nearest held-out one; a copy has 0.</param>
/// <remarks>Nearer is after Meehan, Chaudhuri and Dasgupta 2020, https://arxiv.org/abs/2004.05675, section 3; the others ask what samples can be blamed for alone.</remarks>
public sealed record Memorization(NeighbourHits Even, NeighbourHits All, double TrainWins, double PTrainWins, double Nearer, double PNearer, IReadOnlyList<long> Nearest, IReadOnlyList<double> Suspicion)
{
    /// <param name="samples">[N, F], pixels or features.</param>
    /// <param name="train">[T, F], all that the model was trained on.</param>
    /// <param name="heldOut">[M, F], none of which it has seen.</param>
    public static Memorization Of(Tensor samples, Tensor train, Tensor heldOut)
    {
        using var scope = NewDisposeScope();
        var (ofSamples, which) = Neighbours.Nearest(samples, train);
        var (nearer, pNearer) = RankTest.IsSmaller(Numbers(ofSamples), Numbers(Neighbours.Nearest(heldOut, train).Squared));
        var toHeldOut = Numbers(Neighbours.Nearest(samples, heldOut).Squared);

        // As many of each, the training ones spread evenly over their part, so that neither side has more chances.
        int all = (int)train.shape[0], kept = (int)heldOut.shape[0], even = Math.Min(all, kept);
        var some = Enumerable.Range(0, even).Select(i => (long)i * all / even).ToArray();
        var hits = Hit(samples, train, some, heldOut, even);
        var wins = hits.Count(i => i < even);
        return new Memorization(
            NeighbourHits.Of(hits.ToHashSet(), even, even), NeighbourHits.Of(Hit(samples, train, [.. Enumerable.Range(0, all).Select(i => (long)i)], heldOut, kept).ToHashSet(), all, kept),
            wins / (double)hits.Count, RankTest.AtLeast(wins, hits.Count), nearer, pNearer, which.data<long>().ToArray(),
            [.. Numbers(ofSamples).Zip(toHeldOut).Select(pair => pair is (0, 0) ? 1 : Math.Sqrt(pair.First / pair.Second))]);
    }

    // Index in a pool of some training and then the first held-out pictures of each sample's nearest. The pool is shuffled first, so that which of two
    // that are equally near is taken has nothing to do with which was trained on; it is read block by block and never put together.
    private static IReadOnlyList<int> Hit(Tensor samples, Tensor train, long[] trainRows, Tensor heldOut, int heldOutCount)
    {
        using var scope = NewDisposeScope();
        var order = Chance.Permutation(trainRows.Length + heldOutCount, Seeds.At(0, 0, "pool of neighbours"));
        Tensor Read(long start, long count)
        {
            var ids = order.AsSpan((int)start, (int)count).ToArray();
            var rows = empty([count, train.shape[1]], train.dtype);
            void Put(Tensor from, Func<int, bool> isOf, Func<int, long> row)
            {
                var at = Enumerable.Range(0, ids.Length).Where(i => isOf(ids[i])).ToArray();
                if (at.Length == 0) return;
                rows.index_copy_(0, tensor(at.Select(i => (long)i).ToArray()), from.index_select(0, tensor(at.Select(i => row(ids[i])).ToArray())));
            }
            Put(train, id => id < trainRows.Length, id => trainRows[id]);
            Put(heldOut, id => id >= trainRows.Length, id => id - trainRows.Length);
            return rows;
        }
        var which = Neighbours.Nearest(samples, new Neighbours.RowSource(order.Length, Read)).Which;
        return [.. which.data<long>().ToArray().Select(i => order[i])];
    }

    private static IReadOnlyList<double> Numbers(Tensor values) => values.to_type(ScalarType.Float64).cpu().data<double>().ToArray();
}
