using Manifold.Data;
using Manifold.Distributions;
using Manifold.Engine;
using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Models;

/// <summary>A model that makes a picture of a code z.</summary>
public interface IDecoder
{
    PictureShape Shape { get; }

    /// <summary>D, the size of z.</summary>
    long LatentDim { get; }

    /// <summary>The law that codes are drawn from.</summary>
    Prior Prior => Prior.Normal;

    /// <summary>Classes that a picture is asked for by; 0 if the model takes none.</summary>
    int Classes => 0;

    /// <summary>Pictures in [0, 1], [B, C, H, W], of codes [B, D]: the mean, where the model gives a distribution.</summary>
    /// <param name="condition">Weights of the classes, [B, Classes]: one-hot for a class (<see cref="Condition.OneHot"/>), a mixture on the way from one to another; null where there are none.</param>
    Tensor Decode(Tensor z, Tensor? condition = null);

    /// <summary>Pictures drawn from p(x|z) and not its mean; the mean where the model gives no distribution.</summary>
    /// <param name="seeds">One for each picture; a seed makes the same draws of a code whatever the others.</param>
    Tensor Draw(Tensor z, IEnumerable<long> seeds, Tensor? condition = null) => Decode(z, condition);
}

/// <summary>A model that finds the code of a picture.</summary>
public interface IEncoder
{
    /// <summary>q(z|x) of each picture in [0, 1]; the batch's labels too where the model has classes.</summary>
    Posterior Encode(Batch batch);
}

/// <summary>A network whose inner layers say something of a picture.</summary>
public interface IFeatures
{
    /// <summary>A row of numbers for each picture: [B, C, H, W] in [0, 1] to [B, F].</summary>
    Tensor Features(Tensor x);
}

/// <summary>A latent-variable model whose likelihood is bounded through its posterior.</summary>
public interface IEvidenceModel : IDecoder, IEncoder
{
    /// <summary>Whether p(x|z) gives probabilities of pixels, and not densities.</summary>
    bool IsDiscrete { get; }

    /// <summary>Numbers in the widest map on the way from one code to its picture: what a draw costs in memory.</summary>
    long WidestMap { get; }

    /// <summary>The ELBO of each example by one sample of z, and the analytic KL where there is one.</summary>
    ElboTerms Elbo(Batch batch);

    /// <summary>log w_k = log p(x, z_k) - log q(z_k | x) of K samples of z for each example, [K, B], nats.</summary>
    /// <param name="q">The batch's posterior, if it is known already.</param>
    Tensor LogWeights(Batch batch, int k, Posterior? q = null);

    /// <summary>log p(x|z) of every example under every code, nats: x [B, C, H, W] and z [K, D] to [K, B].</summary>
    /// <param name="condition">As for <see cref="IDecoder.Decode"/>, of the codes.</param>
    Tensor LogPairs(Tensor x, Tensor z, Tensor? condition = null);
}

/// <summary>Values that are drawn together, at one pixel.</summary>
/// <param name="Channel">The channel; -1 for all of the pixel at once.</param>
public readonly record struct Place(int Channel, int Row, int Column);

/// <summary>A model that gives each value of a picture its probability after those that come before it in an order: exact likelihoods, and pictures drawn a place at a time.</summary>
public interface IAutoregressive
{
    PictureShape Shape { get; }

    /// <summary>Classes that a picture is asked for by; 0 if the model takes none.</summary>
    int Classes { get; }

    /// <summary>What the numbers that the network gives for each pixel mean.</summary>
    PixelLikelihood Likelihood { get; }

    /// <summary>The places in the order in which they are drawn; what the network gives for a place depends on the places before it alone.</summary>
    IReadOnlyList<Place> Order { get; }

    /// <summary>The network's numbers for every pixel, [B, P, H, W], of pictures in [0, 1].</summary>
    /// <param name="condition">Weights of the classes, [B, Classes]; null where there are none.</param>
    /// <param name="map">Features of every pixel that the model is told, [B, MapChannels, H, W]; null where there are none.</param>
    Tensor Outputs(Tensor x, Tensor? condition = null, Tensor? map = null);

    /// <summary>Channels of the map that the model is told beside the classes; 0 for none.</summary>
    int MapChannels => 0;

    /// <summary>log p(x) of each example.</summary>
    ExactTerms Likely(Batch batch);

    /// <summary>-log p of each pixel after those before it, its channels together, [B, H, W], nats: where a picture surprises.</summary>
    Tensor Surprise(Batch batch);
}

/// <summary>A model of order whose network can be taken a place at a time.</summary>
public interface ICausalNet : IAutoregressive
{
    /// <summary>The network as it evaluates, for pictures of these conditions.</summary>
    CausalGraph Graph(Tensor? condition = null, Tensor? map = null);
}

/// <summary>A model whose weights start where the first batch says.</summary>
public interface IStartsFromData
{
    /// <summary>Sets the weights' lengths and biases from a batch; before the first step of a new run.</summary>
    void StartFrom(Batch batch);
}

/// <summary>Classes as a model takes them.</summary>
public static class Condition
{
    /// <summary>A row for each label with a 1 in its place: [B] to [B, classes]; null if the model takes no classes.</summary>
    /// <exception cref="ArgumentException">The labels are missing, or one is not among the classes.</exception>
    public static Tensor? OneHot(Tensor? labels, int classes, ScalarType dtype = ScalarType.Float32)
    {
        if (classes == 0) return null;
        if (labels is null) throw new ArgumentException($"The model makes pictures of one of {classes} classes, and there are no labels; it needs one for each picture.", nameof(labels));
        labels.ExpectShape([-1]);
        using var scope = NewDisposeScope();
        var (least, most) = (labels.min().item<long>(), labels.max().item<long>());
        if (least < 0 || most >= classes) throw new ArgumentException($"labels go from {least} to {most}; the model has the classes 0 to {classes - 1}.", nameof(labels));
        return nn.functional.one_hot(labels, classes).to_type(dtype).MoveToOuterDisposeScope();
    }
}
