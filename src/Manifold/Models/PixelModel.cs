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
    /// <param name="classes">That the model is told, or the size of any vector in their place; 0 for none.</param>
    /// <param name="mapChannels">Of a map that the model is told of every pixel; 0 for none.</param>
    /// <exception cref="ArgumentException">The likelihood gives densities.</exception>
    protected PixelModel(string name, PictureShape shape, LikelihoodSettings likelihood, int classes, int mapChannels = 0) : base(name)
    {
        if (!likelihood.Validated("model.likelihood").IsDiscrete) throw new ArgumentException("model.likelihood.kind is gaussian; a model of order gives probabilities: set it to bernoulli, categorical, logistic_mixture or discretized_logistic.", nameof(likelihood));
        (Shape, Classes, MapChannels, Settings, Likelihood) = (shape, classes, mapChannels, likelihood, PixelLikelihood.Create(shape, likelihood));
        Groups = Likelihood.DrawsPixels ? 1 : shape.Channels;
        register_module("likelihood", Likelihood);
    }

    public PictureShape Shape { get; }
    public int Classes { get; }
    public int MapChannels { get; }
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

    public abstract Tensor Outputs(Tensor x, Tensor? condition = null, Tensor? map = null);

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

    /// <summary>The node of what <see cref="WithBorder"/> gives.</summary>
    protected CausalNode Picture() => new(Clock.Pixel, Shape.Channels + 1);

    /// <exception cref="ArgumentException">The model wants classes and the data has none.</exception>
    protected static int ClassesTold(bool conditional, int classes) =>
        !conditional ? 0 : classes > 0 ? classes : throw new ArgumentException("model.conditional is true, and the data has no labels; it needs a set with classes.", nameof(classes));

    /// <exception cref="ArgumentException">There is a condition or a map and the model takes none, or the other way round, or it is not of its shape.</exception>
    protected void Check(Tensor? condition, Tensor? map)
    {
        void Expect(Tensor? given, int wanted, string name, string what, params long[] shape)
        {
            if (wanted == 0 && given is not null) throw new ArgumentException($"{name} is given; the model takes none.", name);
            if (wanted > 0) (given ?? throw new ArgumentException($"{name} is missing; the model needs {what} for each picture.", name)).ExpectShape(shape);
        }
        Expect(condition, Classes, nameof(condition), $"one of {Classes} classes", -1, Classes);
        Expect(map, MapChannels, nameof(map), $"{MapChannels} features of every pixel", -1, MapChannels, Shape.Height, Shape.Width);
    }
}

/// <summary>What a class and a map add to the sums of a layer.</summary>
public sealed class Told : Module
{
    private readonly Module<Tensor, Tensor>? ofClass, ofMap;

    /// <param name="features">Sums that it is added to.</param>
    public Told(int classes, int mapChannels, long features) : base(nameof(Told))
    {
        if (classes > 0) register_module(nameof(ofClass), ofClass = Linear(classes, features, hasBias: false));
        if (mapChannels > 0) register_module(nameof(ofMap), ofMap = Conv2d(mapChannels, features, 1, bias: false));
    }

    /// <summary>V h + V * s: [B, F, 1, 1] or [B, F, H, W]; null if the model is told nothing.</summary>
    public Tensor? Of(Tensor? condition, Tensor? map)
    {
        var told = condition is null ? null : ofClass!.call(condition).unsqueeze(2).unsqueeze(3);
        return map is null ? told : told is null ? ofMap!.call(map) : told + ofMap!.call(map);
    }
}
