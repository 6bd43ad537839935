// Variational autoencoder: a Gaussian code z, a picture x, and one network each way.
//
//   x [B, C, H, W] --encoder--> mu, logvar [B, D] --sample--> z [B, D] --decoder--> logits or mean [B, C, H, W]
//
// Source: Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, https://arxiv.org/abs/1312.6114
//         Rezende, Mohamed and Wierstra, "Stochastic Backpropagation", 2014, https://arxiv.org/abs/1401.4082
// Differs from the papers: Adam for Adagrad; any depth and width, ReLU or tanh; no prior on the weights; the Gaussian
// decoder's one standard deviation can be learned with the rest.

using Manifold.Data;
using Manifold.Distributions;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Bernoulli = Manifold.Distributions.Bernoulli;
using Parameter = TorchSharp.Modules.Parameter;

namespace Manifold.Models;

/// <summary>What the decoder says of a pixel.</summary>
public enum Likelihood
{
    /// <summary>A coin; pictures must be 0 or 1.</summary>
    Bernoulli,

    /// <summary>A normal density around a mean in [0, 1], one standard deviation for all pixels.</summary>
    Gaussian,
}

/// <summary>The nonlinearity between linear layers.</summary>
public enum Activation { Relu, Tanh }

/// <summary>Settings of <see cref="Vae"/>.</summary>
public sealed record VaeSettings
{
    public IReadOnlyList<long> Hidden { get; init; } = [400];                // units of the encoder's hidden layers; the decoder has them in reverse
    public long LatentDim { get; init; } = 20;                               // D, the size of z
    public Activation Activation { get; init; } = Activation.Relu;           // between the layers
    public Likelihood Likelihood { get; init; } = Likelihood.Bernoulli;      // of a pixel
    public double Sigma { get; init; } = 0.1;                                // Gaussian: standard deviation of a pixel, in units of [0, 1]; where it starts if learned
    public bool LearnSigma { get; init; } = true;                            // Gaussian: whether that standard deviation is learned
    public bool SquashMean { get; init; } = true;                            // Gaussian: whether the mean passes a sigmoid, which keeps it in [0, 1]

    /// <exception cref="ArgumentOutOfRangeException">A size or sigma is not positive.</exception>
    public VaeSettings Validated()
    {
        foreach (var width in Hidden) SettingChecks.NeedPositive(width, "model.hidden");
        SettingChecks.NeedPositive(LatentDim, "model.latent_dim");
        SettingChecks.NeedPositive(Sigma, "model.sigma");
        return this;
    }
}

/// <summary>The variational autoencoder with fully connected networks.</summary>
public sealed class Vae : Module<Batch, ElboTerms>, IEvidenceModel
{
    private readonly VaeSettings settings;
    private readonly Module<Tensor, Tensor> encoder;   // [B, C*H*W] -> [B, 2*D], mu then logvar
    private readonly Module<Tensor, Tensor> decoder;   // [B, D] -> [B, C*H*W] logits
    private readonly Parameter? log_sigma;             // [], log of the pixel's standard deviation

    public Vae(PictureShape shape, VaeSettings settings) : base(nameof(Vae))
    {
        this.settings = settings.Validated();
        Shape = shape;
        encoder = Mlp([shape.Dims, .. settings.Hidden, 2 * settings.LatentDim]);
        decoder = Mlp([settings.LatentDim, .. settings.Hidden.Reverse(), shape.Dims]);
        register_module(nameof(encoder), encoder);
        register_module(nameof(decoder), decoder);
        if (settings is { Likelihood: Likelihood.Gaussian, LearnSigma: true })
        {
            log_sigma = Parameter(tensor((float)Math.Log(settings.Sigma)));
            register_parameter(nameof(log_sigma), log_sigma);
        }
    }

    public PictureShape Shape { get; }
    public long LatentDim => settings.LatentDim;

    /// <summary>One-sample estimate of the ELBO of each picture.</summary>
    /// <param name="batch">Pictures in [0, 1], and exactly 0 or 1 for the Bernoulli likelihood.</param>
    public override ElboTerms forward(Batch batch)
    {
        var (mu, logvar) = Encode(batch.X);                                                // [B, D], [B, D]
        var z = Gaussian.Sample(mu, logvar, randn_like(mu));                               // [B, D], an eps of its own for each value
        return new ElboTerms(
            LogPxz: LogPxz(batch.X.flatten(1), decoder.call(z)),                           // [B]
            KlByLatent: new Dictionary<string, Tensor> { ["z"] = Gaussian.KlToStandard(mu, logvar) });   // [B, D]
    }

    public ElboTerms Elbo(Batch batch) => call(batch);

    public Tensor LogWeights(Batch batch, int k)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        var (mu, logvar) = Encode(batch.X);                                                // [B, D], [B, D]
        var z = Gaussian.Sample(mu, logvar, randn([k, .. mu.shape], device: mu.device, dtype: mu.dtype));   // [K, B, D]
        return LogPxz(batch.X.flatten(1), decoder.call(z))                                 // log p(x|z)
            + Gaussian.LogProbStandard(z, keep: 2)                                         // + log p(z)
            - Gaussian.LogProb(z, mu, logvar, keep: 2);                                    // - log q(z|x): [K, B]
    }

    public (Tensor Mu, Tensor Logvar) Encode(Tensor x)
    {
        x.ExpectShape([-1, Shape.Channels, Shape.Height, Shape.Width]);
        var parts = encoder.call(x.flatten(1)).chunk(2, dim: 1);
        return (parts[0], parts[1]);
    }

    public Tensor Decode(Tensor z) =>
        Mean(decoder.call(z.ExpectShape([-1, LatentDim]))).view(-1, Shape.Channels, Shape.Height, Shape.Width);

    /// <summary>log p(x|z), nats: x [B, C*H*W] and the decoder's outputs [B, C*H*W] to [B]; or outputs [K, B, C*H*W] to [K, B].</summary>
    private Tensor LogPxz(Tensor x, Tensor outputs) => settings.Likelihood switch
    {
        Likelihood.Bernoulli => Bernoulli.LogProb(x, outputs),
        _ => Gaussian.LogProb(x, Mean(outputs), LogVariance(x), keep: (int)outputs.dim() - 1),
    };

    private Tensor Mean(Tensor outputs) =>
        settings.Likelihood == Likelihood.Bernoulli || settings.SquashMean ? outputs.sigmoid() : outputs;

    private Tensor LogVariance(Tensor x) => 2 * (log_sigma ?? tensor(Math.Log(settings.Sigma), x.dtype, x.device));   // []

    private Module<Tensor, Tensor> Mlp(IReadOnlyList<long> sizes)
    {
        var layers = new List<Module<Tensor, Tensor>>();
        for (var i = 1; i < sizes.Count; i++)
        {
            layers.Add(Linear(sizes[i - 1], sizes[i]));
            if (i < sizes.Count - 1) layers.Add(settings.Activation == Activation.Tanh ? Tanh() : ReLU());
        }
        return Sequential(layers);
    }
}
