using Manifold.Engine;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Objectives;

/// <summary>What is minimised in place of minus the ELBO: beta, warm-up and free bits. The reported number never passes through here.</summary>
public sealed record ElboObjective
{
    public double Beta { get; init; } = 1;         // weight of the KL once warmed up; 1 is the ELBO
    public long WarmUp { get; init; }              // examples over which the weight of the KL rises linearly from 0
    public double FreeBits { get; init; }          // nats of KL that each latent has for free, lambda in Kingma et al. 2016
    public int Samples { get; init; } = 1;         // K: 1 minimises minus the ELBO, more minimise minus the importance-weighted bound

    /// <exception cref="ArgumentException">The settings contradict one another or are out of range; the message says which.</exception>
    public ElboObjective Validated()
    {
        SettingChecks.Need(Beta >= 0, "objective.beta", Beta, "to be at least 0");
        SettingChecks.Need(WarmUp >= 0, "objective.warm_up", WarmUp, "to be at least 0");
        SettingChecks.Need(FreeBits >= 0, "objective.free_bits", FreeBits, "to be at least 0");
        SettingChecks.Need(Samples >= 1, "objective.samples", Samples, "1 or more");
        if (Samples > 1 && this != new ElboObjective { Samples = Samples })
            throw new ArgumentException("objective.samples above 1 minimises the importance-weighted bound, which has no KL of its own; objective.beta, warm_up and free_bits need samples = 1.", "objective.samples");
        return this;
    }

    /// <summary>The weight of the KL after so many examples.</summary>
    public double KlWeight(long examplesSeen) => WarmUp == 0 ? Beta : Beta * Math.Min(1, (double)examplesSeen / WarmUp);   // beta_t = min(1, t / T)

    /// <summary>The mean over the batch of what is minimised, a scalar.</summary>
    public Tensor Of(NllTerms terms, long examplesSeen)
    {
        if (terms is not ElboTerms elbo) return terms.Nll.mean();
        var weight = KlWeight(examplesSeen);
        if (weight == 1 && FreeBits == 0) return elbo.Nll.mean();

        var kl = FreeBits == 0
            ? elbo.Kl.mean()
            : elbo.KlByLatent.Values.Select(latents => latents.mean([0]).clamp_min(FreeBits).sum()).Aggregate((a, b) => a + b);   // sum_g max(lambda, E_batch KL_g)
        return kl * weight - elbo.LogPxz.mean();
    }
}
