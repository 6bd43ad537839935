// Variational autoencoder: a code z, a picture x, and one network each way.
//
//   x [B, C, H, W] --encoder--> q(z|x) --sample--> z [B, D] --decoder--> outputs [B, P, H, W] --likelihood--> p(x|z)
//         class y ----^                              y ----^
//
// Source: Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, https://arxiv.org/abs/1312.6114
//         Rezende, Mohamed and Wierstra, "Stochastic Backpropagation", 2014, https://arxiv.org/abs/1401.4082
//         Classes: Kingma et al., "Semi-supervised Learning with Deep Generative Models", 2014, https://arxiv.org/abs/1406.5298, M2 with all labels seen
// Differs from the papers: Adam for Adagrad; any depth and width, fully connected or convolutional; no prior on the weights;
// the width of a Gaussian or logistic pixel can be learned with the rest.

using Manifold.Data;
using Manifold.Distributions;
using Manifold.Engine;
using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Models;

/// <summary>What a VAE's two networks are made of.</summary>
public enum Network { Mlp, Conv }

/// <summary>The family of q(z|x).</summary>
public enum PosteriorFamily
{
    Normal,

    /// <summary>Normal with every covariance.</summary>
    FullNormal,

    Laplace,
    Logistic,
    StudentT,

    /// <summary>A logistic draw through a sigmoid: for the cube, and for it alone.</summary>
    SigmoidLogistic,
}

/// <summary>The law of p(z).</summary>
public enum PriorFamily { Normal, Laplace, Cube }

/// <summary>Settings of <see cref="Vae"/>.</summary>
public sealed record VaeSettings
{
    public Network Network { get; init; } = Network.Mlp;                     // fully connected (hidden) or convolutional (conv)
    public IReadOnlyList<long> Hidden { get; init; } = [400];                // mlp: units of the encoder's hidden layers; the decoder has them in reverse
    public ConvSettings Conv { get; init; } = new();                         // conv: widths, blocks, residual or not, upsampling
    public Activation Activation { get; init; } = Activation.Relu;           // between the layers
    public long LatentDim { get; init; } = 20;                               // D, the size of z
    public IReadOnlyList<int> Groups { get; init; } = [];                    // sizes of the groups that z's KL is told apart by, from the first latent on; one group if empty
    public PosteriorFamily Posterior { get; init; } = PosteriorFamily.Normal;
    public double Nu { get; init; } = 5;                                     // student_t: degrees of freedom, above 2
    public PriorFamily Prior { get; init; } = PriorFamily.Normal;
    public bool Conditional { get; init; }                                   // whether both networks are told the picture's class
    public LikelihoodSettings Likelihood { get; init; } = new();             // of a pixel

    /// <exception cref="ArgumentException">A size is not positive, the groups are not z, or prior and posterior do not go together.</exception>
    public VaeSettings Validated()
    {
        foreach (var width in Hidden) SettingChecks.NeedPositive(width, "model.hidden");
        SettingChecks.NeedPositive(LatentDim, "model.latent_dim");
        SettingChecks.Need(Groups.Count == 0 || Groups.All(size => size > 0) && Groups.Sum() == LatentDim, "model.groups", $"[{string.Join(",", Groups)}]", $"sizes above 0 that sum to model.latent_dim, {LatentDim}");
        SettingChecks.Need(Nu > 2, "model.nu", Nu, "to be above 2, for a variance");
        if ((Prior == PriorFamily.Cube) != (Posterior == PosteriorFamily.SigmoidLogistic))
            throw new ArgumentException(Prior == PriorFamily.Cube
                ? "model.prior is cube; it needs model.posterior=sigmoid_logistic: any other posterior reaches out of the cube, and its KL is infinite."
                : "model.posterior is sigmoid_logistic, which lives in the cube; it needs model.prior=cube.", "model.prior");
        Conv.Validated("model.conv");
        Likelihood.Validated("model.likelihood");
        return this;
    }
}

/// <summary>The variational autoencoder.</summary>
public sealed class Vae : Module<Batch, ElboTerms>, IEvidenceModel, IStartsFromData
{
    private readonly VaeSettings settings;
    private readonly Module<Tensor, Tensor> encoder;   // mlp: [B, C*H*W + classes] -> [B, outputs]; conv: [B, C + classes, H, W] -> [B, outputs]
    private readonly Module<Tensor, Tensor> decoder;   // mlp: [B, D + classes] -> [B, P*H*W]; conv: -> [B, P, H, W]
    private readonly PixelLikelihood likelihood;
    private readonly LocationScale family;             // of the posterior's draws

    /// <param name="classes">How many classes the data has; they are used only if the settings say so.</param>
    /// <exception cref="ArgumentException">The settings are out of range or contradict one another.</exception>
    public Vae(PictureShape shape, VaeSettings settings, int classes = 0) : base(nameof(Vae))
    {
        this.settings = settings.Validated();
        if (settings.Conditional && classes == 0) throw new ArgumentException("model.conditional is true, and the data has no labels; it needs a set with classes.", nameof(settings));
        (Shape, Classes) = (shape, settings.Conditional ? classes : 0);
        likelihood = PixelLikelihood.Create(shape, settings.Likelihood);
        family = settings.Posterior switch
        {
            PosteriorFamily.Laplace => LocationScale.Laplace,
            PosteriorFamily.Logistic or PosteriorFamily.SigmoidLogistic => LocationScale.Logistic,
            PosteriorFamily.StudentT => LocationScale.StudentT(settings.Nu),
            _ => LocationScale.Normal,
        };
        var codes = Outputs(settings);
        if (settings.Network == Network.Mlp)
        {
            encoder = Mlp.Of([shape.Dims + Classes, .. settings.Hidden, codes], settings.Activation);
            decoder = Mlp.Of([LatentDim + Classes, .. settings.Hidden.Reverse(), likelihood.Outputs * shape.Height * shape.Width], settings.Activation);
            WidestMap = settings.Hidden.Append(likelihood.Outputs * shape.Height * shape.Width).Max();
        }
        else
        {
            encoder = new ConvEncoder(shape, shape.Channels + Classes, codes, settings.Conv, settings.Activation);
            var conv = new ConvDecoder(shape, LatentDim + Classes, likelihood.Outputs, settings.Conv, settings.Activation);
            if (likelihood.Start is { } start) Begin(conv.Last, start);
            decoder = conv;
            WidestMap = settings.Conv.Channels.Zip(settings.Conv.Sizes(shape), (width, size) => width * size.Height * size.Width).Append(likelihood.Outputs * shape.Height * shape.Width).Max();
        }
        register_module(nameof(encoder), encoder);
        register_module(nameof(decoder), decoder);
        register_module(nameof(likelihood), likelihood);
    }

    public PictureShape Shape { get; }
    public int Classes { get; }
    public long WidestMap { get; }
    public long LatentDim => settings.LatentDim;
    /// <summary>Whether the KL of the posterior to the prior has a closed form.</summary>
    public bool HasKl => settings.Prior switch
    {
        PriorFamily.Cube => false,
        PriorFamily.Laplace => settings.Posterior != PosteriorFamily.StudentT,
        _ => true,
    };

    public bool IsDiscrete => settings.Likelihood.IsDiscrete;

    public Prior Prior => settings.Prior switch { PriorFamily.Laplace => Prior.Laplace, PriorFamily.Cube => Prior.Cube, _ => Prior.Normal };

    /// <summary>One-sample estimate of the ELBO of each picture.</summary>
    /// <param name="batch">Pictures in [0, 1], and exactly 0 or 1 for the Bernoulli likelihood; labels if the model is conditional.</param>
    public override ElboTerms forward(Batch batch)
    {
        var q = Encode(batch);
        return Elbo(batch, q, q.Noise(), ElboForm.AnalyticKl);
    }

    public void StartFrom(Batch batch)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        if (likelihood.StartFor(batch.X) is not { } start) return;
        var bias = decoder.parameters().Last();                                            // [P] of a convolution, [P*H*W] of a linear layer
        bias.copy_(start.repeat_interleave(bias.numel() / start.numel()));
    }

    public ElboTerms Elbo(Batch batch) => call(batch);

    /// <summary>The ELBO in one of its forms, with this noise.</summary>
    /// <param name="q">The batch's posterior.</param>
    /// <param name="eps">Noise of it, [B, D].</param>
    public ElboTerms Elbo(Batch batch, Posterior q, Tensor eps, ElboForm form)
    {
        var z = q.Sample(eps);                                                             // [B, D], an eps of its own for each value
        var logPxz = LogPxz(batch, z);                                                     // [B]
        var kl = form switch
        {
            ElboForm.AnalyticKl when q.Kl(Prior) is { } exact => exact,                    // KL( q(z|x) || p(z) )
            ElboForm.Entropy when q.Entropy is { } entropy => -entropy - Prior.LogDensity(z),   // -H(q) - log p(z)
            _ => q.LogDensity(z) - Prior.LogDensity(z),                                    // log q(z|x) - log p(z)
        };
        return new ElboTerms(logPxz, Grouped(kl));                                         // [B], [B, D]
    }

    /// <summary>The ELBO of each example, with the score-function gradient for the encoder: the same in expectation, of a larger variance.</summary>
    /// <param name="baseline">Whether what the other examples of the batch got on average is taken off the reward, which changes the variance and not the expectation.</param>
    /// <remarks>
    /// grad E_q[f(z)] = E_q[f(z) grad log q(z|x)]: Williams 1992, https://doi.org/10.1007/BF00992696. The value is that of <see cref="Elbo(Batch)"/>;
    /// the term added to it is zero and has this gradient.
    /// </remarks>
    public ElboTerms ScoreFunctionElbo(Batch batch, bool baseline)
    {
        var q = Encode(batch);
        var z = q.Sample(q.Noise()).detach();                                              // [B, D]; no gradient passes through the draw
        var logPxz = LogPxz(batch, z);                                                     // [B]
        var reward = logPxz.detach();                                                      // f(z)
        if (baseline && batch.Count > 1) reward = reward - (reward.sum() - reward) / (batch.Count - 1);   // the others' mean does not depend on one's own z
        var logQ = q.LogDensity(z).sum(-1);                                                // log q(z|x): [B]
        var kl = q.Kl(Prior) ?? throw new NotSupportedException("The score-function estimator needs a KL of closed form; this posterior has none for this prior.");
        return new ElboTerms(logPxz + reward * (logQ - logQ.detach()), Grouped(kl));
    }

    public Tensor LogWeights(Batch batch, int k, Posterior? q = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        q ??= Encode(batch);
        var z = q.Sample(q.Noise(k));                                                      // [K, B, D]
        return LogPxz(batch, z)                                                            // log p(x|z)
            + Prior.LogDensity(z).sum(-1)                                                  // + log p(z)
            - q.LogDensity(z).sum(-1);                                                     // - log q(z|x): [K, B]
    }

    public Posterior Encode(Batch batch)
    {
        var x = batch.X;
        x.ExpectShape([-1, Shape.Channels, Shape.Height, Shape.Width]);
        var y = Condition.OneHot(batch.Labels, Classes, x.dtype);                          // [B, classes]
        var input = settings.Network == Network.Mlp ? x.flatten(1) : x;
        if (y is not null) input = cat([input, settings.Network == Network.Mlp ? y : y.unsqueeze(2).unsqueeze(3).expand(-1, -1, Shape.Height, Shape.Width)], 1);
        var outputs = encoder.call(input);                                                 // [B, 2 D], or more
        Tensor mu = outputs.narrow(1, 0, LatentDim), logvar = outputs.narrow(1, LatentDim, LatentDim);
        return settings.Posterior switch
        {
            PosteriorFamily.FullNormal => new Posterior.FullNormal(mu, logvar, outputs.narrow(1, 2 * LatentDim, outputs.shape[1] - 2 * LatentDim)),
            PosteriorFamily.SigmoidLogistic => new Posterior.Squashed(family, mu, logvar),
            _ => new Posterior.Diagonal(family, mu, logvar),
        };
    }

    public Tensor Decode(Tensor z, Tensor? condition = null) => likelihood.Mean(DecoderOutputs(z.ExpectShape([-1, LatentDim]), condition));

    public Tensor Draw(Tensor z, IEnumerable<long> seeds, Tensor? condition = null)
    {
        var u = Noise.Uniform(seeds, likelihood.Uniforms, Shape.Height, Shape.Width).to(z.device);
        return likelihood.Draw(DecoderOutputs(z.ExpectShape([u.shape[0], LatentDim]), condition), u);
    }

    /// <summary>log p(x|z), nats: z [B, D] to [B], or [K, B, D] to [K, B].</summary>
    public Tensor LogPxz(Batch batch, Tensor z)
    {
        var y = Condition.OneHot(batch.Labels, Classes, z.dtype);                          // [B, classes]
        if (z.dim() == 2) return likelihood.LogProb(batch.X, DecoderOutputs(z, y));
        var (k, b) = (z.shape[0], z.shape[1]);
        var outputs = DecoderOutputs(z.flatten(0, 1), y?.repeat(k, 1));                    // [K B, P, H, W]
        return likelihood.LogProb(batch.X, outputs.view([k, b, .. outputs.shape[1..]]));
    }

    public Tensor LogPairs(Tensor x, Tensor z, Tensor? condition = null)
    {
        x.ExpectShape([-1, Shape.Channels, Shape.Height, Shape.Width]);
        var outputs = DecoderOutputs(z.ExpectShape([-1, LatentDim]), condition).unsqueeze(1);   // [K, 1, P, H, W]
        return likelihood.LogProb(x, outputs.expand([outputs.shape[0], x.shape[0], .. outputs.shape[2..]]));
    }

    private Tensor DecoderOutputs(Tensor z, Tensor? condition)
    {
        if (condition is null != (Classes == 0))
            throw new ArgumentException(Classes == 0 ? "condition is given; the model takes no classes." : $"condition is missing; the model needs one of {Classes} classes for each code.", nameof(condition));
        condition?.ExpectShape([z.shape[0], Classes]);
        var outputs = decoder.call(condition is null ? z : cat([z, condition], 1));
        return outputs.dim() == 4 ? outputs : outputs.view(-1, likelihood.Outputs, Shape.Height, Shape.Width);
    }

    private IReadOnlyDictionary<string, Tensor> Grouped(Tensor kl)
    {
        if (settings.Groups.Count == 0) return new Dictionary<string, Tensor> { ["z"] = kl };
        var groups = new Dictionary<string, Tensor>();
        long start = 0;
        foreach (var size in settings.Groups)
        {
            groups[$"z{groups.Count + 1}"] = kl.narrow(1, start, size);
            start += size;
        }
        return groups;
    }

    private static void Begin((Tensor Weight, Tensor Bias) last, (Tensor Bias, double Share) start)
    {
        using var _ = no_grad();
        last.Weight.mul_(start.Share);
        last.Bias.copy_(start.Bias);
    }

    // mu and logvar, and what lies below the diagonal of a full covariance's factor.
    private static long Outputs(VaeSettings settings) =>
        2 * settings.LatentDim + (settings.Posterior == PosteriorFamily.FullNormal ? settings.LatentDim * (settings.LatentDim - 1) / 2 : 0);
}
