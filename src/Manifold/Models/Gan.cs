// Two networks that play against each other: G makes pictures of codes, D tells them from the data.
//
//   z [B, D] --G--> x [B, C, H, W] in [-1, 1] --D--> score [B]
//      y ----^                           y ----^  \--> classes [B, K] where D classifies too
//
// Source: Goodfellow et al., "Generative Adversarial Nets", 2014, https://arxiv.org/abs/1406.2661
//         Radford, Metz and Chintala, DCGAN, 2015, https://arxiv.org/abs/1511.06434 (Dcgan.cs)
//         Mao et al., LSGAN, 2017, https://arxiv.org/abs/1611.04076: the game, and the small networks of its ring
//         Classes: Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784; Odena, Olah and Shlens 2017 (AC-GAN),
//         https://arxiv.org/abs/1610.09585; Miyato and Koyama 2018 (projection), https://arxiv.org/abs/1802.05637
// Differs from the papers: fully connected networks have ReLU or tanh where the first paper's discriminator had maxout and dropout.

using Manifold.Data;
using Manifold.Distributions;
using Manifold.Engine;
using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Models;

/// <summary>What an adversarial model's two networks are made of.</summary>
public enum GanNetwork { Mlp, Dcgan }

/// <summary>The law of z.</summary>
public enum GanPrior
{
    Normal,

    /// <summary>Uniform on [-1, 1].</summary>
    Uniform,
}

/// <summary>How the two networks are told the class.</summary>
public enum Conditioning
{
    None,

    /// <summary>As channels of their own: to z, and to the picture.</summary>
    Concat,

    /// <summary>G by the gains and biases of its batch norms; D by the inner product of its features with a vector of the class.</summary>
    Projection,

    /// <summary>G beside z; D is not told, but asked: it classifies.</summary>
    Classifier,
}

/// <summary>What keeps the sizes of a discriminator's maps in bounds.</summary>
public enum Norm
{
    /// <summary>Over the batch, real and fake apart. A slope of D is then not of one example alone, so it goes with no penalty on slopes.</summary>
    Batch,

    /// <summary>Over each example by itself.</summary>
    Layer,

    None,

    /// <summary>None of the maps; of the weights, their largest singular value is 1.</summary>
    Spectral,
}

/// <summary>Settings of <see cref="Gan"/>.</summary>
public sealed record GanSettings
{
    public GanNetwork Network { get; init; } = GanNetwork.Dcgan;
    public long LatentDim { get; init; } = 100;                                  // D, the size of z
    public GanPrior Prior { get; init; } = GanPrior.Normal;
    public Conditioning Conditioning { get; init; } = Conditioning.None;
    public long Width { get; init; } = 32;                                       // dcgan: maps next to the picture; twice as many at each halving
    public Upsampling Upsampling { get; init; } = Upsampling.Transposed;         // dcgan: how G doubles; transposed_uneven has D's kernels 5 x 5 too, as in its code
    public Norm DiscriminatorNorm { get; init; } = Norm.Batch;                   // dcgan
    public IReadOnlyList<long> Hidden { get; init; } = [128, 128];               // mlp: units of D's hidden layers; G has them in reverse
    public Activation Activation { get; init; } = Activation.Relu;               // mlp: between the layers; dcgan has relu in G and leaky_relu in D

    /// <exception cref="ArgumentException">A size is not positive, or settings contradict each other; the message names them.</exception>
    public GanSettings Validated(PictureShape shape, int classes)
    {
        SettingChecks.NeedPositive(LatentDim, "model.latent_dim");
        SettingChecks.NeedPositive(Width, "model.width");
        SettingChecks.Need(Hidden.All(units => units > 0), "model.hidden", $"[{string.Join(",", Hidden)}]", "widths above 0");
        SettingChecks.Need(Conditioning == Conditioning.None || classes > 1, "model.conditioning", Name(Conditioning), $"labels of two classes or more, and the data has {(classes == 0 ? "none" : "one class")}: set model.conditioning=none");
        SettingChecks.Need(Network == GanNetwork.Dcgan || Conditioning != Conditioning.Projection, "model.conditioning", "projection", "model.network=dcgan, whose batch norms it acts through; for mlp take concat or classifier");
        if (Network == GanNetwork.Dcgan)
            SettingChecks.Need(shape.Height == shape.Width && shape.Height is 16 or 32 or 64 or 128, "model.network", "dcgan", $"square pictures of 16, 32, 64 or 128 pixels, and the data's are {shape}: set data.size=32, or model.network=mlp");
        return this;
    }

    internal static string Name(Enum value) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}

/// <summary>What a discriminator says.</summary>
/// <param name="Score">Raw, [B]: a logit where the game is one of probabilities.</param>
/// <param name="Classes">Logits of the classes, [B, K]; null where D does not classify.</param>
public sealed record Verdict(Tensor Score, Tensor? Classes = null);

/// <summary>Codes [B, D] and weights of classes [B, K] to examples in [-1, 1], [B, C, H, W]; to points as they are.</summary>
public abstract class GanGenerator(string name) : Module<Tensor, Tensor?, Tensor>(name);

/// <summary>Examples in [-1, 1], [B, C, H, W], and weights of classes [B, K] to a verdict.</summary>
public abstract class GanDiscriminator(string name) : Module<Tensor, Tensor?, Verdict>(name)
{
    /// <summary>What each hidden layer makes of examples, [B, C, h, w] or [B, units] each, from the picture on.</summary>
    public abstract IReadOnlyList<Tensor> Layers(Tensor x, Tensor? condition = null);
}

/// <summary>A generator and a discriminator. The pictures that others ask it for are in [0, 1].</summary>
public sealed class Gan : Module, IDecoder, IFeatures
{
    private readonly GanGenerator generator;
    private readonly GanDiscriminator discriminator;

    /// <exception cref="ArgumentException">A setting is out of range, or does not suit the data.</exception>
    public Gan(PictureShape shape, GanSettings settings, int classes = 0) : base(nameof(Gan))
    {
        settings.Validated(shape, classes);
        (Shape, Settings, Classes) = (shape, settings, settings.Conditioning == Conditioning.None ? 0 : classes);
        (generator, discriminator) = settings.Network == GanNetwork.Mlp
            ? ((GanGenerator)new MlpGenerator(shape, settings, Classes), (GanDiscriminator)new MlpDiscriminator(shape, settings, Classes))
            : (new DcganGenerator(shape, settings, Classes), new DcganDiscriminator(shape, settings, Classes));
        register_module(nameof(generator), generator);
        register_module(nameof(discriminator), discriminator);
    }

    public GanSettings Settings { get; }
    public PictureShape Shape { get; }
    public long LatentDim => Settings.LatentDim;
    public Prior Prior => Settings.Prior == GanPrior.Uniform ? Prior.SignedCube : Prior.Normal;
    public int Classes { get; }

    public GanGenerator Generator => generator;
    public GanDiscriminator Discriminator => discriminator;

    public Tensor Decode(Tensor z, Tensor? condition = null)
    {
        z.ExpectShape([-1, LatentDim]);
        if (Classes > 0 && condition is null) throw new ArgumentException($"The model makes examples of one of {Classes} classes; condition is missing, [B, {Classes}].", nameof(condition));
        condition?.ExpectShape([z.shape[0], Classes]);
        var x = generator.call(z, condition);                                  // [B, C, H, W]
        return Shape.IsPoint ? x : (x + 1) * 0.5;                              // [0, 1]
    }

    /// <summary>Each hidden layer of D, its maps pooled to 4 x 4 by their largest, in one row: what the DCGAN paper classifies by.</summary>
    /// <param name="x">Pictures in [0, 1], [B, C, H, W].</param>
    /// <remarks>Radford et al. 2015, section 5.1.</remarks>
    public Tensor Features(Tensor x)
    {
        x.ExpectShape([-1, Shape.Channels, Shape.Height, Shape.Width]);
        using var scope = NewDisposeScope();
        var maps = discriminator.Layers(Shape.IsPoint ? x : x * 2 - 1, Classes == 0 ? null : full([x.shape[0], Classes], 1.0 / Classes, device: x.device));
        return cat([.. maps.Select(map => (map.dim() == 4 ? functional.adaptive_max_pool2d(map, [4, 4]) : map).flatten(1))], 1).MoveToOuterDisposeScope();
    }
}

/// <summary>Fully connected, for points and small pictures.</summary>
internal sealed class MlpGenerator : GanGenerator
{
    private readonly Module<Tensor, Tensor> body;
    private readonly PictureShape shape;

    public MlpGenerator(PictureShape shape, GanSettings settings, int classes) : base(nameof(MlpGenerator))
    {
        this.shape = shape;
        body = Mlp.Of([settings.LatentDim + classes, .. settings.Hidden.Reverse(), shape.Dims], settings.Activation);
        MlpStart.Set(body, settings.Activation);
        register_module(nameof(body), body);
    }

    public override Tensor forward(Tensor z, Tensor? condition)
    {
        var x = body.call(condition is null ? z : cat([z, condition], 1)).view(-1, shape.Channels, shape.Height, shape.Width);
        return shape.IsPoint ? x : x.tanh();
    }
}

/// <summary>Fully connected, for points and small pictures.</summary>
internal sealed class MlpDiscriminator : GanDiscriminator
{
    private readonly TorchSharp.Modules.ModuleList<Module<Tensor, Tensor>> hidden = new();
    private readonly Module<Tensor, Tensor> head;
    private readonly Module<Tensor, Tensor>? classifier;
    private readonly Activation activation;
    private readonly bool isTold;

    public MlpDiscriminator(PictureShape shape, GanSettings settings, int classes) : base(nameof(MlpDiscriminator))
    {
        isTold = settings.Conditioning == Conditioning.Concat;
        activation = settings.Activation == Activation.Relu ? Activation.LeakyRelu : settings.Activation;
        long units = shape.Dims + (isTold ? classes : 0);
        foreach (var next in settings.Hidden)
        {
            hidden.Add(Make(units, next));
            units = next;
        }
        head = Make(units, 1);
        if (settings.Conditioning == Conditioning.Classifier) classifier = Make(units, classes);
        register_module(nameof(hidden), hidden);
        register_module(nameof(head), head);
        if (classifier is not null) register_module(nameof(classifier), classifier);
        MlpStart.Set(this, activation);

        Module<Tensor, Tensor> Make(long inputs, long outputs) => settings.DiscriminatorNorm == Norm.Spectral ? new SpectralLinear(inputs, outputs) : Linear(inputs, outputs);
    }

    public override Verdict forward(Tensor x, Tensor? condition)
    {
        var h = Layers(x, condition)[^1];                                      // [B, units]
        return new Verdict(head.call(h).squeeze(1), classifier?.call(h));
    }

    public override IReadOnlyList<Tensor> Layers(Tensor x, Tensor? condition = null)
    {
        var h = x.flatten(1);                                                  // [B, C H W]
        if (isTold) h = cat([h, condition!], 1);
        if (hidden.Count == 0) return [h];
        var layers = new List<Tensor>();
        foreach (var layer in hidden) layers.Add(h = activation.Apply(layer.call(h)));
        return layers;
    }
}

/// <summary>How fully connected networks start: orthogonal where they are tanh, as in the LSGAN authors' ring; else as libtorch has it.</summary>
internal static class MlpStart
{
    public static void Set(Module network, Activation activation)
    {
        if (activation != Activation.Tanh) return;
        using var _ = no_grad();
        foreach (var (_, layer) in network.named_modules())
            if (layer is TorchSharp.Modules.Linear linear)
            {
                init.orthogonal_(linear.weight, 1.4);                          // the gain of their script
                init.zeros_(linear.bias!);
            }
    }
}
