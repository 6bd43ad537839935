using System.Globalization;

namespace Manifold.Evaluation;

/// <summary>What each latent of a model does, and whether the posterior has collapsed to the prior.</summary>
public static class CollapseReport
{
    /// <summary>A latent with less KL than this, in nats, says nothing of a picture.</summary>
    public const double LeastKl = 0.01;

    /// <param name="kl">Mean KL of each latent, nats.</param>
    /// <param name="moves">Variance over pictures of each latent's code; above 0.01 the latent is active.</param>
    /// <param name="groups">Names and sizes of the latent groups, in the order of the latents.</param>
    public static Measurement Of(string metric, IReadOnlyList<double> kl, IReadOnlyList<double> moves, IReadOnlyList<(string Name, long Size)> groups, long count)
    {
        var collapsed = kl.Count(nats => nats < LeastKl);
        return new Measurement(metric, collapsed, $"latents of {kl.Count} collapsed", "none", count) { PerLatent = kl, Details = [.. Lines(kl, moves, groups), Verdict(kl, collapsed)] };
    }

    private static IEnumerable<string> Lines(IReadOnlyList<double> kl, IReadOnlyList<double> moves, IReadOnlyList<(string Name, long Size)> groups)
    {
        var at = 0;
        foreach (var (name, size) in groups)
        {
            var members = Enumerable.Range(at, (int)size).OrderByDescending(latent => kl[latent]).ToList();
            at += (int)size;
            yield return string.Create(CultureInfo.InvariantCulture, $"{name}: {members.Sum(latent => kl[latent]):F2} nats in {members.Count(latent => kl[latent] >= LeastKl)} of {size} latents");
            foreach (var latent in members)
                yield return string.Create(CultureInfo.InvariantCulture, $"  latent {latent,4}  KL {kl[latent],8:F4}  Var(code) {moves[latent],8:F4}  {(kl[latent] < LeastKl ? "collapsed" : moves[latent] > 0.01 ? "active" : "noise that costs")}");
        }
    }

    private static string Verdict(IReadOnlyList<double> kl, int collapsed) =>
        collapsed == kl.Count ? "Every latent has collapsed: pictures are made without z. Try objective.warm_up, objective.free_bits, a smaller objective.beta, or a weaker decoder."
        : collapsed > kl.Count / 2 ? $"{collapsed} of {kl.Count} latents are not used; a smaller model.latent_dim would do, or objective.free_bits keeps them."
        : "No collapse to speak of.";
}
