using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Models;

/// <summary>Whether a number is -log p(x) itself or something that is never below it.</summary>
public enum NllKind { Exact, UpperBound }

/// <summary>What a likelihood model says of a batch: one value per example and term, in nats. What is minimised is an objective's business.</summary>
public abstract record NllTerms
{
    /// <summary>-log p(x), or an upper bound on it. [B], nats. This is the number that is reported.</summary>
    public abstract Tensor Nll { get; }

    public abstract NllKind Kind { get; }

    /// <summary>The parts worth a line in the log, each [B] in nats.</summary>
    public abstract IEnumerable<(string Name, Tensor Value)> Parts { get; }
}

/// <summary>The exact likelihood of a model of order.</summary>
/// <param name="LogPx">log p(x) of each example, [B], nats.</param>
public sealed record ExactTerms(Tensor LogPx) : NllTerms
{
    public override Tensor Nll => -LogPx;
    public override NllKind Kind => NllKind.Exact;
    public override IEnumerable<(string Name, Tensor Value)> Parts => [];
}

/// <summary>The ways to write the part of the ELBO that is not log p(x|z). All have one expectation; the fewer draws, the less they scatter.</summary>
public enum ElboForm
{
    /// <summary>KL( q(z|x) || p(z) ) in closed form; by a draw where there is none.</summary>
    AnalyticKl,

    /// <summary>-H(q) in closed form, and log p(z) by a draw; both by a draw where there is none.</summary>
    Entropy,

    /// <summary>log q(z|x) - log p(z) of a draw; good for any q.</summary>
    MonteCarlo,
}

/// <summary>The two halves of the evidence lower bound, log p(x) >= E[log p(x|z)] - KL( q(z|x) || p(z) ).</summary>
/// <param name="LogPxz">log p(x|z) of one z for each example, [B].</param>
/// <param name="KlByLatent">The KL of each latent of each group, [B, D]; one group for a VAE, one a layer for a hierarchy.</param>
public sealed record ElboTerms(Tensor LogPxz, IReadOnlyDictionary<string, Tensor> KlByLatent) : NllTerms
{
    private Tensor? kl;

    /// <summary>KL of all groups, [B].</summary>
    public Tensor Kl => kl ??= KlByLatent.Values.Select(group => group.flatten(1).sum(1)).Aggregate((a, b) => a + b);

    public override Tensor Nll => Kl - LogPxz;   // minus the ELBO
    public override NllKind Kind => NllKind.UpperBound;
    public override IEnumerable<(string Name, Tensor Value)> Parts =>
        [("log_pxz", LogPxz), ("kl", Kl), .. KlByLatent.Count == 1 ? [] : KlByLatent.Select(group => ($"kl_{group.Key}", group.Value.flatten(1).sum(1)))];
}

/// <summary>The importance-weighted bound of K samples, L_K = log 1/K sum_k w_k, which tightens as K grows; L_1 is the ELBO.</summary>
/// <param name="LogWeights">log w_k = log p(x, z_k) - log q(z_k | x), [K, B].</param>
/// <remarks>Burda et al. 2016, https://arxiv.org/abs/1509.00519, equation 8.</remarks>
public sealed record IwaeTerms(Tensor LogWeights) : NllTerms
{
    public override Tensor Nll => Math.Log(LogWeights.shape[0]) - LogWeights.logsumexp(0);   // over the K samples, not the batch
    public override NllKind Kind => NllKind.UpperBound;
    public override IEnumerable<(string Name, Tensor Value)> Parts => [];
}
