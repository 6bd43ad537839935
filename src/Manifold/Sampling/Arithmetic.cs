using Manifold.Data;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Sampling;

/// <summary>Sums and differences of codes: what makes a seven less what makes a one.</summary>
/// <remarks>Radford, Metz and Chintala 2015, https://arxiv.org/abs/1511.06434, section 6.3.2: averages of several codes, since single ones are unstable.</remarks>
public static class Arithmetic
{
    /// <summary>The codes of a class's pictures by the encoder, [N, D].</summary>
    /// <exception cref="DataException">The part has no labels, or no picture of the class.</exception>
    public static Tensor Encoded(IEncoder model, Batch pictures, Device device)
    {
        using var scope = NewDisposeScope();
        return cat([.. pictures.X.split(100).Zip(pictures.Labels!.split(100)).Select(part => model.Encode(new Batch(part.First.to(device)) { Labels = part.Second.to(device) }).Code)]).MoveToOuterDisposeScope();
    }

    /// <summary>For a model without an encoder: the codes of the first seeds whose pictures a classifier is sure to be of a class, [N, D].</summary>
    /// <param name="probabilities">Pictures in [0, 1], [B, C, H, W], to the classes' probabilities, [B, K].</param>
    /// <param name="most">Codes to find at most.</param>
    /// <param name="tries">Seeds to look through, 0 onwards.</param>
    /// <exception cref="DataException">Fewer than three were found: an average of so few says little of the class.</exception>
    public static Tensor Recognized(IDecoder model, Func<Tensor, Tensor> probabilities, int label, Device device, int most = 100, int tries = 5000, double sure = 0.9)
    {
        using var scope = NewDisposeScope();
        var found = new List<Tensor>();
        for (var at = 0; at < tries && found.Sum(codes => codes.shape[0]) < most; at += 100)
        {
            using var step = NewDisposeScope();
            var z = Latents.FromSeeds(Enumerable.Range(at, 100).Select(seed => (long)seed), model).to(device);   // [100, D]
            var isOfClass = probabilities(model.Decode(z).cpu())[.., label].ge(sure);
            found.Add(z.index_select(0, isOfClass.nonzero().flatten().to(device)).MoveToOuterDisposeScope());
        }
        var all = cat(found);
        if (all.shape[0] < 3) throw new DataException($"Of the samples of {tries:N0} seeds, {all.shape[0]} were recognized as class {label}; an average needs three or more. Name samples yourself: seeds:3,7,12.");
        return all[..(int)Math.Min(most, all.shape[0])].MoveToOuterDisposeScope();
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
