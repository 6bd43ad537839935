using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using Manifold.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Training.Algorithms;

/// <summary>Two networks, one game. GAN, DCGAN, LSGAN, WGAN-GP and their conditional forms differ only in what they pass in here.</summary>
/// <remarks>
/// Goodfellow et al. 2014, algorithm 1: in turn k updates of D, each on examples of its own, and one of G. What the data says of G passes
/// through D alone, so an example's labels are those of the fakes beside it.
/// </remarks>
/// <param name="batchSize">Examples in an update of a network.</param>
public sealed class GanAlgorithm(
    Gan model, AdversarialObjective objective, OptimizerSettings generatorSettings, OptimizerSettings discriminatorSettings, Schedule schedule, int batchSize) : IAlgorithm
{
    private readonly AdversarialObjective objective = objective.Validated();
    private readonly Game game = objective.ToGame();
    private readonly Optimizer forG = Optimizer.Create(generatorSettings, model.Generator.named_parameters(), "generator");
    private readonly Optimizer forD = Optimizer.Create(discriminatorSettings, model.Discriminator.named_parameters(), "discriminator");

    public IReadOnlyDictionary<string, nn.Module> Networks { get; } = new Dictionary<string, nn.Module> { ["generator"] = model.Generator, ["discriminator"] = model.Discriminator };
    public IReadOnlyDictionary<string, Optimizer> Optimizers => new Dictionary<string, Optimizer> { ["generator"] = forG, ["discriminator"] = forD };
    public IEnumerable<string> Averaged => ["generator"];
    public int BatchSize(long examplesSeen) => batchSize * objective.DiscriminatorSteps;

    public IReadOnlyList<(string Name, Tensor Value)> Step(Batch batch, long examplesSeen)
    {
        var rate = schedule.At(examplesSeen);
        var log = new Dictionary<string, Tensor>();
        var (x, labels) = (batch.X.split(batchSize), batch.Labels?.split(batchSize));
        for (var k = 0; k < x.Length; k++)
        {
            forD.ZeroGrad();
            DiscriminatorLoss(x[k], labels?[k], examplesSeen, log).backward();
            forD.Step(discriminatorSettings.LearningRate * rate);
        }

        // D is part of the way to G, and nothing of D is wanted: libtorch need not work out its weights' gradients.
        foreach (var (_, parameter) in forD.Parameters) parameter.requires_grad = false;
        try
        {
            forG.ZeroGrad();
            GeneratorLoss(x[^1].shape[0], labels?[^1], examplesSeen, log).backward();
            log["g_grad"] = Gradients.Norm(forG.Parameters);
            forG.Step(generatorSettings.LearningRate * rate);
        }
        finally
        {
            foreach (var (_, parameter) in forD.Parameters) parameter.requires_grad = true;
        }
        return [.. log.Select(entry => (entry.Key, entry.Value.detach()))];
    }

    /// <summary>Raise the scores of real examples, lower those of G(z). G is held still, and real and fake go through D apart, so that a batch norm sees one kind.</summary>
    private Tensor DiscriminatorLoss(Tensor x, Tensor? labels, long examplesSeen, Dictionary<string, Tensor> log)
    {
        var y = Condition.OneHot(labels, model.Classes);
        var slopes = objective.R1 > 0 && examplesSeen / BatchSize(examplesSeen) % objective.R1Every == 0;
        var real = slopes ? x.detach().requires_grad_() : x;
        Tensor xFake;
        using (no_grad()) xFake = model.Generator.call(Codes(x.shape[0], x.device), y);          // [B, C, H, W]

        Tensor seenReal = Seen(real, examplesSeen), seenFake = Seen(xFake, examplesSeen);
        Verdict ofReal = model.Discriminator.call(seenReal, y), ofFake = model.Discriminator.call(seenFake, y);
        var loss = game.Real(ofReal.Score).mean() + game.Fake(ofFake.Score).mean();
        log["d_loss"] = loss;
        log["d_real"] = ofReal.Score.mean();
        log["d_fake"] = ofFake.Score.mean();
        log["spread_real"] = Spread(x);

        if (slopes)
        {
            log["r1"] = Penalties.R1(ofReal.Score, real).mean();
            loss = loss + 0.5 * objective.R1 * objective.R1Every * log["r1"];                    // gamma / 2
        }
        if (objective.Gamma > 0)
        {
            log["gradient_penalty"] = Penalties.OnLines(at => model.Discriminator.call(at, y).Score, seenReal, seenFake).mean();
            loss = loss + objective.Gamma * log["gradient_penalty"];
        }
        if (objective.Epsilon > 0) loss = loss + objective.Epsilon * ofReal.Score.square().mean();
        if (ofReal.Classes is not null)
        {
            log["d_class"] = nn.functional.cross_entropy(ofReal.Classes, labels!);               // -log P(class | x), nats
            loss = loss + objective.ClassWeight * log["d_class"];
        }
        return loss;
    }

    /// <summary>Raise the scores of G(z). The gradient passes through D, and only G moves.</summary>
    private Tensor GeneratorLoss(long count, Tensor? labels, long examplesSeen, Dictionary<string, Tensor> log)
    {
        var y = Condition.OneHot(labels, model.Classes);
        var xFake = model.Generator.call(Codes(count, forG.Parameters[0].parameter.device), y);   // [B, C, H, W]
        var verdict = model.Discriminator.call(Seen(xFake, examplesSeen), y);
        var loss = game.Generator(verdict.Score).mean();
        log["g_loss"] = loss;
        log["spread_fake"] = Spread(xFake);
        if (verdict.Classes is null) return loss;
        log["g_class"] = nn.functional.cross_entropy(verdict.Classes, labels!);
        return loss + objective.ClassWeight * log["g_class"];
    }

    private Tensor Codes(long count, Device device) => model.Prior.FromNormal(randn([count, model.LatentDim], device: device));   // [B, D]

    /// <summary>What D is shown of examples: augmented, and under noise that fades.</summary>
    private Tensor Seen(Tensor x, long examplesSeen)
    {
        var shown = model.Shape.IsPoint ? x : Augmentations.Apply(objective.Augment, x);
        var deviation = objective.InstanceNoise * (1 - Math.Min(1, (double)examplesSeen / objective.InstanceNoiseOver));
        return deviation > 0 ? shown + deviation * randn_like(shown) : shown;
    }

    /// <summary>How far the examples of a batch lie apart: the deviation of each value over the batch, as a root mean square.</summary>
    private static Tensor Spread(Tensor x)
    {
        using var _ = no_grad();
        return x.var([0], unbiased: false).mean().sqrt();
    }
}
