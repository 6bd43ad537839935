using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>Whether samples lie nearer to the pictures that a model was trained on than chance has it.</summary>
/// <param name="Nearer">Share of pairs of a sample and a held-out picture in which the sample is the nearer to its nearest training picture.</param>
/// <param name="P">The chance of so large a share if samples were as new as held-out pictures (Mann and Whitney).</param>
/// <param name="TrainWins">Of samples, the share whose nearest neighbour among as many training as held-out pictures is a training picture; a half for a model that remembers none, however typical its samples are.</param>
/// <param name="PTrainWins">The chance of so large a share by a fair coin.</param>
/// <param name="Nearest">Index of each sample's nearest training picture.</param>
/// <remarks>After Meehan, Chaudhuri and Dasgupta 2020, https://arxiv.org/abs/2004.05675, section 3, for the first; the second asks what samples can be blamed for alone.</remarks>
public sealed record Memorization(double Nearer, double P, double TrainWins, double PTrainWins, IReadOnlyList<long> Nearest)
{
    /// <param name="samples">[N, F], pixels or features.</param>
    /// <param name="train">[T, F], all that the model was trained on.</param>
    /// <param name="heldOut">[M, F], none of which it has seen.</param>
    public static Memorization Of(Tensor samples, Tensor train, Tensor heldOut)
    {
        using var scope = NewDisposeScope();
        var (ofSamples, which) = Neighbours.Nearest(samples, train);
        var (ofHeldOut, _) = Neighbours.Nearest(heldOut, train);
        var (share, p) = RankTest.IsSmaller(Numbers(ofSamples), Numbers(ofHeldOut));

        // As many of each, the training ones spread evenly over their part, so that neither side has more chances.
        var count = Math.Min(train.shape[0], heldOut.shape[0]);
        var some = train.index_select(0, (arange(count) * train.shape[0] / count).floor().to_type(ScalarType.Int64));
        var (toTrain, toHeldOut) = (Numbers(Neighbours.Nearest(samples, some).Squared), Numbers(Neighbours.Nearest(samples, heldOut[..(int)count]).Squared));
        var wins = toTrain.Zip(toHeldOut).Sum(pair => pair.First < pair.Second ? 1 : pair.First > pair.Second ? 0 : 0.5);
        return new Memorization(share, p, wins / toTrain.Count, RankTest.AtLeast(wins, toTrain.Count), which.data<long>().ToArray());
    }

    private static IReadOnlyList<double> Numbers(Tensor values) => values.to_type(ScalarType.Float64).cpu().data<double>().ToArray();
}
