using Manifold.Data;
using Manifold.Engine;
using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Models;

/// <summary>What the models of order share: p(x) = prod p(x_i | x_before i), in reading order, and in a pixel red, green, blue.</summary>
public abstract class PixelModel : Module<Batch, ExactTerms>, IAutoregressive
{
    /// <param name="classes">That the model is told; 0 for none.</param>
    /// <exception cref="ArgumentException">The likelihood gives densities.</exception>
    protected PixelModel(string name, PictureShape shape, LikelihoodSettings likelihood, int classes) : base(name)
    {
        if (!likelihood.Validated("model.likelihood").IsDiscrete) throw new ArgumentException("model.likelihood.kind is gaussian; a model of order gives probabilities: set it to bernoulli, categorical, logistic_mixture or discretized_logistic.", nameof(likelihood));
        (Shape, Classes, Settings, Likelihood) = (shape, classes, likelihood, PixelLikelihood.Create(shape, likelihood));
        Groups = Likelihood.DrawsPixels ? 1 : shape.Channels;
        register_module("likelihood", Likelihood);
    }

    public PictureShape Shape { get; }
    public int Classes { get; }
    public PixelLikelihood Likelihood { get; }

    /// <summary>What the likelihood was made of.</summary>
    public LikelihoodSettings Settings { get; }

    /// <summary>How many steps a pixel takes: its channels, one after the other, or one for all of them.</summary>
    protected int Groups { get; }

    public virtual IReadOnlyList<Place> Order =>
    [
        .. from row in Enumerable.Range(0, Shape.Height)
           from column in Enumerable.Range(0, Shape.Width)
           from channel in Enumerable.Range(0, Groups)
           select new Place(Groups == 1 ? -1 : channel, row, column),
    ];

    public abstract Tensor Outputs(Tensor x, Tensor? condition = null);

    public override ExactTerms forward(Batch batch) => Likely(batch);

    public ExactTerms Likely(Batch batch) => new(-Surprise(batch).sum([-2, -1]));                  // log p(x) = sum_i log p(x_i | x_<i): [B]

    public Tensor Surprise(Batch batch)
    {
        batch.X.ExpectShape([-1, Shape.Channels, Shape.Height, Shape.Width]);
        return -Likelihood.LogProbOfPixels(batch.X, Outputs(batch.X, Condition.OneHot(batch.Labels, Classes, batch.X.dtype)));
    }

    /// <summary>The picture on [-1, 1], and a channel of ones that tells the border from black: [B, C + 1, H, W].</summary>
    protected static Tensor WithBorder(Tensor x) => cat([2 * x - 1, ones_like(x.narrow(1, 0, 1))], 1);

    /// <summary>The channel of the picture that each input is: in order, or 0 for all that come at once; the channel of ones tells nothing that may not be known.</summary>
    protected IReadOnlyList<int> InputGroups => [.. ChannelGroups.Of(Shape.Channels, Groups), -1];

    /// <exception cref="ArgumentException">There is a condition and the model takes none, or the other way round, or it is not [B, Classes].</exception>
    protected Tensor? Checked(Tensor? condition, long batch)
    {
        if (Classes == 0) return condition is null ? null : throw new ArgumentException("condition is given; the model takes no classes.", nameof(condition));
        return (condition ?? throw new ArgumentException($"condition is missing; the model needs one of {Classes} classes for each picture.", nameof(condition))).ExpectShape([batch, Classes]);
    }
}
