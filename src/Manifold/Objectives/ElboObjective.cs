using Manifold.Engine;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Objectives;

/// <summary>What has its free bits for itself.</summary>
public enum FreeBitsOf { Latent, Group }

/// <summary>How the encoder's gradient is estimated.</summary>
public enum GradientEstimator
{
    /// <summary>Through the draw, z = mu + sigma eps.</summary>
    Reparameterized,

    /// <summary>By the score function, f(z) grad log q(z|x): for comparison; it needs many times the examples.</summary>
    Score,

    /// <summary>The same with the mean of the batch's other examples taken off f.</summary>
    ScoreBaseline,
}

/// <summary>What is minimised in place of minus the ELBO: beta, warm-up and free bits. The reported number never passes through here.</summary>
public sealed record ElboObjective
{
    public double Beta { get; init; } = 1;                                    // weight of the KL once warmed up; 1 is the ELBO
    public IReadOnlyList<double> BetaByGroup { get; init; } = [];             // times beta for each latent group (model.groups); 1 for all if empty
    public long WarmUp { get; init; }                                         // examples over which the weight of the KL rises linearly from 0
    public double FreeBits { get; init; }                                     // nats of KL that each latent (or group) has for free, lambda in Kingma et al. 2016
    public IReadOnlyList<double> FreeBitsByGroup { get; init; } = [];         // the same for each latent group, in place of free_bits
    public FreeBitsOf FreeBitsOf { get; init; } = FreeBitsOf.Latent;          // whether every latent has them, or a group as a whole
    public int Samples { get; init; } = 1;                                    // K: 1 minimises minus the ELBO, more minimise minus the importance-weighted bound
    public GradientEstimator Gradient { get; init; } = GradientEstimator.Reparameterized;

    /// <param name="groups">Latent groups of the model.</param>
    /// <exception cref="ArgumentException">The settings contradict one another or are out of range; the message says which.</exception>
    public ElboObjective Validated(int groups = 1)
    {
        SettingChecks.Need(Beta >= 0, "objective.beta", Beta, "to be at least 0");
        SettingChecks.Need(WarmUp >= 0, "objective.warm_up", WarmUp, "to be at least 0");
        SettingChecks.Need(FreeBits >= 0, "objective.free_bits", FreeBits, "to be at least 0");
        SettingChecks.Need(Samples >= 1, "objective.samples", Samples, "1 or more");
        foreach (var (path, list) in new[] { ("objective.beta_by_group", BetaByGroup), ("objective.free_bits_by_group", FreeBitsByGroup) })
            SettingChecks.Need(list.Count == 0 || list.Count == groups && list.All(value => value >= 0), path, $"[{string.Join(",", list)}]", $"a number of 0 or more for each latent group; model.groups has {groups}");
        SettingChecks.Need(Samples == 1 || Beta == 1 && WarmUp == 0 && !HasFreeBits && BetaByGroup.Count == 0 && Gradient == GradientEstimator.Reparameterized, "objective.samples", Samples,
            "1 beside objective.beta, warm_up, free_bits or another gradient: the importance-weighted bound of several samples has no KL of its own, and is for the reparameterized gradient");
        return this;
    }

    private bool HasFreeBits => FreeBits > 0 || FreeBitsByGroup.Any(nats => nats > 0);

    /// <summary>The weight of the KL after so many examples.</summary>
    public double KlWeight(long examplesSeen) => WarmUp == 0 ? Beta : Beta * Math.Min(1, (double)examplesSeen / WarmUp);   // beta_t = min(1, t / T)

    /// <summary>The mean over the batch of what is minimised, a scalar.</summary>
    public Tensor Of(NllTerms terms, long examplesSeen)
    {
        if (terms is not ElboTerms elbo) return terms.Nll.mean();
        var weight = KlWeight(examplesSeen);
        if (weight == 1 && !HasFreeBits && BetaByGroup.Count == 0) return elbo.Nll.mean();

        var kl = elbo.KlByLatent.Values
            .Select((latents, group) => (BetaByGroup.Count == 0 ? 1 : BetaByGroup[group]) * Kl(latents, FreeBitsByGroup.Count == 0 ? FreeBits : FreeBitsByGroup[group]))
            .Aggregate((a, b) => a + b);
        return kl * weight - elbo.LogPxz.mean();
    }

    /// <summary>A group's KL with its free bits: sum_g max(lambda, E_batch KL_g), g a latent or the group. [B, D] to a scalar.</summary>
    private Tensor Kl(Tensor latents, double free) =>
        free == 0 ? latents.flatten(1).sum(1).mean()
        : FreeBitsOf == FreeBitsOf.Group ? latents.flatten(1).sum(1).mean().clamp_min(free)
        : latents.mean([0]).clamp_min(free).sum();
}
