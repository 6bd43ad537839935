using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Training;

/// <summary>Something that a run shows signs of, and the usual remedy in a sentence.</summary>
/// <param name="Name">Such as generator_collapse.</param>
public sealed record Advice(string Name, string Sentence);

/// <summary>Someone who reads the log of a run as it grows.</summary>
public interface IAdvisor
{
    /// <summary>What the newest line shows signs of; a function of it and of the weights, so that a resumed run says the same.</summary>
    IEnumerable<Advice> Read(long examplesSeen, IReadOnlyDictionary<string, double> values, IAlgorithm algorithm);
}

/// <summary>Knows how games fail.</summary>
/// <param name="game">As the setting is written.</param>
/// <param name="trainer">Of the run: how large a batch is, and how long the average remembers.</param>
/// <param name="modes">Modes that the data has, where that is known.</param>
/// <param name="doubles">Whether the generator doubles maps, which can leave a checkerboard.</param>
public sealed class GanAdvisor(string game, TrainerSettings trainer, int? modes = null, bool doubles = true) : IAdvisor
{
    private const double Large = 1e4;                       // of a gradient or a weight: float32 squares it without harm, and a few steps more are NaN

    public IEnumerable<Advice> Read(long examplesSeen, IReadOnlyDictionary<string, double> values, IAlgorithm algorithm)
    {
        var isEarly = examplesSeen < 50L * trainer.BatchSize;       // networks as they were made are not failures
        double Of(string name) => values.GetValueOrDefault(name, double.NaN);

        if (!isEarly && Lost(Of("d_loss")))
            yield return new("discriminator_wins", Line($"d_loss is {Of("d_loss"):G2}: the discriminator tells almost every example, and what it tells the generator is of little use. Lower discriminator.learning_rate, or set objective.r1 with model.discriminator_norm=layer."));
        var hasLearned = examplesSeen >= 300L * trainer.BatchSize;
        if (hasLearned && Of("spread_fake") < 0.3 * Of("spread_real"))
            yield return new("generator_collapse", Line($"samples of a batch lie {Of("spread_fake") / Of("spread_real"):P0} as far apart as data: the generator makes few things. Lower generator.learning_rate, or set objective.r1 with model.discriminator_norm=layer."));
        if (!isEarly && game == "minimax" && Of("d_fake") < -4.6)           // the slope of log(1 - D) is D, here below 0.01
            yield return new("vanishing_gradient", Line($"samples score {Of("d_fake"):F1}, and there minimax has a hundredth of its slope or less. Set objective.game=non_saturating."));
        else if (!isEarly && Of("g_grad") < 1e-4)
            yield return new("vanishing_gradient", Line($"the generator's gradient has the norm {Of("g_grad"):G2}. Lower discriminator.learning_rate."));
        if (!isEarly && modes is { } all && Of("modes") <= 0.75 * all)
            yield return new("mode_loss", Line($"{Of("modes"):F0} of {all} modes are covered. Give it time, a larger batch, or objective.r1."));
        if (doubles && hasLearned && Of("checkerboard") > 2 * Of("checkerboard_data"))
            yield return new("checkerboard", Line($"the finest stripes of samples are {Of("checkerboard") / Of("checkerboard_data"):F1} times as strong as the data's. Set model.upsampling=nearest or bilinear."));
        var isRamping = trainer.EmaHalfLife >= (trainer.EmaRampUp ?? double.PositiveInfinity) * examplesSeen;     // a half-life that is not yet reached is not what holds the average back
        if (!isEarly && !isRamping && Of("d_real") - Of("ema_score") > 2 * Math.Max(0.1, Of("d_real") - Of("d_fake")))
            yield return new("ema_too_slow", Line($"the averaged generator scores {Of("ema_score"):F2}, and the live one {Of("d_fake"):F2}: the average is behind. Lower trainer.ema_half_life."));
        if (TooLarge(algorithm) is { } tensor)
            yield return new("nan_precursor", $"{tensor} has numbers above {Large:N0}, and NaN is near. Lower the learning rate, or set its clip_norm=1.");
    }

    // What a game's loss is when every example is told: logistic and hinge games end at 0, and so does least squares.
    private bool Lost(double dLoss) => game switch { "wasserstein_gp" => false, "least_squares" => dLoss < 0.01, _ => dLoss < 0.05 };

    private static string? TooLarge(IAlgorithm algorithm)
    {
        using var scope = NewDisposeScope();
        return (from network in algorithm.Networks
                from p in network.Value.named_parameters()
                let what = Most(p.parameter) > Large ? "" : p.parameter.grad is { } gradient && Most(gradient) > Large ? "the gradient of " : null
                where what is not null
                select $"{what}{network.Key}.{p.name}").FirstOrDefault();
    }

    private static double Most(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.numel() == 0 ? 0 : tensor.detach().abs().max().item<float>();
    }

    private static string Line(FormattableString text) => text.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>Knows how variational autoencoders fail.</summary>
/// <param name="trainer">Of the run: how large a batch is.</param>
/// <param name="squashes">Whether the mean of a pixel passes a sigmoid, which can saturate.</param>
public sealed class VaeAdvisor(TrainerSettings trainer, bool squashes) : IAdvisor
{
    private const double LargestShare = 0.98;               // of the mean picture's squared error
    private const double LargestGap = 0.2;                  // see docs/models/vae.md for the runs that it was chosen by

    public IEnumerable<Advice> Read(long examplesSeen, IReadOnlyDictionary<string, double> values, IAlgorithm algorithm)
    {
        if (examplesSeen < 300L * trainer.BatchSize) yield break;       // networks that have hardly learned are not failures
        double Of(string name) => values.GetValueOrDefault(name, double.NaN);

        var isCollapsed = Of("validation_active_units") == 0;
        if (isCollapsed) yield return new("posterior_collapse", Collapsed());
        else if (Of("recon_share") > LargestShare) yield return new("mean_reconstruction", MeanPicture(Of("recon_share")));
        var isFarAlong = examplesSeen >= 1000L * trainer.BatchSize;     // latents come to the prior after reconstructions have begun
        if (!isCollapsed && isFarAlong && Of("sample_gap") > LargestGap) yield return new("sample_gap", Gap(Of("sample_gap")));
    }

    private string Collapsed() =>
        "no latent is in use: every picture gets the same latent code, and reconstructions are the mean picture. " +
        $"Start a new run with {Restart}objective.warm_up or objective.free_bits.";

    private string MeanPicture(double share) => Line(
        $"reconstructions are as far from the data as the mean picture is ({share:P0} of its squared error): the decoder tells nothing of a picture. Start a new run with {Restart}a lower optimizer.learning_rate.");

    private static string Gap(double gap) => Line(
        $"samples of the prior differ from reconstructions (energy coefficient {gap:F2}): latents of the data are not where the prior is. Raise objective.beta, or lower model.latent_dim.");

    private string Restart => squashes ? "model.likelihood.squash_mean=false, or with " : "";

    private static string Line(FormattableString text) => text.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
