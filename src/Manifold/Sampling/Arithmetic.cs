using Manifold.Data;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Sampling;

/// <summary>Sums and differences of codes: what makes a seven less what makes a one.</summary>
/// <remarks>Radford, Metz and Chintala 2015, https://arxiv.org/abs/1511.06434, section 6.3.2: averages of several codes, since single ones are unstable.</remarks>
public static class Arithmetic
{
    /// <summary>The average code of a class's pictures, [D].</summary>
    /// <param name="most">Pictures to take at most.</param>
    /// <exception cref="DataException">The part has no labels, or no picture of the class.</exception>
    public static Tensor MeanCode(IEncoder model, Split split, int label, Device device, int most = 500)
    {
        using var scope = NewDisposeScope();
        var x = Of(split, label, most);
        return cat([.. x.X.split(100).Zip(x.Labels!.split(100)).Select(part => model.Encode(new Batch(part.First.to(device)) { Labels = part.Second.to(device) }).Code)]).mean([0]).MoveToOuterDisposeScope();
    }

    /// <summary>The first pictures of a class.</summary>
    /// <exception cref="DataException">The part has no labels, or no picture of the class.</exception>
    public static Batch Of(Split split, int label, int most)
    {
        using var scope = NewDisposeScope();
        var found = new List<Tensor>();
        long count = 0;
        for (var at = 0; at < split.Count && count < most; at += 1000)
        {
            var batch = split.InOrder(at, Math.Min(1000, split.Count - at), PixelRange.Unit);
            if (batch.Labels is null) throw new DataException("The set has no labels; groups of pictures are named by their class.");
            var members = batch.X.index_select(0, batch.Labels.eq(label).nonzero().flatten());
            count += members.shape[0];
            found.Add(members);
        }
        if (count == 0) throw new DataException($"The {split.Name} part has no picture of class {label}.");
        var x = cat(found)[..(int)Math.Min(most, count)];
        return new Batch(x.MoveToOuterDisposeScope()) { Labels = full([x.shape[0]], label, ScalarType.Int64).MoveToOuterDisposeScope() };
    }
}
