using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>Samples beside their nearest pictures: the most suspicious first, then some at even steps through all.</summary>
/// <param name="Pictures">[R, 14, C, H, W], values in [0, 1]. In a row, by pixels and then by features: the sample, its five nearest training pictures, its nearest held-out one.</param>
/// <param name="Suspects">How many of the rows are those of the most suspicious samples.</param>
public sealed record NeighbourRows(Tensor Pictures, int Suspects) : IDisposable
{
    /// <summary>Rows of suspects, and of others.</summary>
    public const int Most = 12, Others = 4;

    /// <summary>Nearest training pictures in a row.</summary>
    public const int Near = 5;

    /// <summary>Pictures of one half of a row.</summary>
    public const int Columns = 1 + Near + 1;

    public void Dispose() => Pictures.Dispose();

    /// <summary>The rows of samples, [N, C, H, W], among training and held-out pictures of that shape.</summary>
    /// <param name="spaces">Pixels, features: what the neighbours are told by. A sample's place is its better one of the two.</param>
    public static NeighbourRows Of(Tensor samples, Tensor train, Tensor heldOut, IReadOnlyList<(Tensor Samples, Tensor Train, Tensor HeldOut, IReadOnlyList<double> Suspicion)> spaces)
    {
        using var scope = NewDisposeScope();
        var count = (int)samples.shape[0];
        var suspects = spaces.SelectMany(space => Enumerable.Range(0, count).OrderBy(i => space.Suspicion[i]).Select((i, place) => (i, place)))
            .OrderBy(pair => pair.place).Select(pair => pair.i).Distinct().Take(Most).ToList();
        var others = Enumerable.Range(0, Others).Select(i => i * count / Others).Except(suspects);
        var rows = tensor(suspects.Concat(others).Select(i => (long)i).ToArray());
        var halves = spaces.Select(space =>
        {
            var own = space.Samples.index_select(0, rows);
            Tensor Shown(Tensor pictures, Tensor among, int k)                                                  // [R, k, C, H, W]
            {
                var which = Neighbours.Nearest(own, among, k);
                return pictures.index_select(0, which.flatten()).view([which.shape[0], which.shape[1], .. pictures.shape[1..]]);
            }
            return cat([samples.index_select(0, rows).unsqueeze(1), Shown(train, space.Train, Near), Shown(heldOut, space.HeldOut, 1)], 1);
        });
        return new NeighbourRows(cat([.. halves], 1).MoveToOuterDisposeScope(), suspects.Count);
    }
}
