using System.Text.Json.Serialization;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Models;
using Manifold.Objectives;
using Manifold.Training;
using Manifold.Training.Algorithms;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Recipes;

/// <summary>The variational autoencoder with fully connected networks.</summary>
public sealed record VaeRecipe : Recipe
{
    public VaeSettings Model { get; init; } = new();
    public ElboObjective Objective { get; init; } = new();
    public OptimizerSettings Optimizer { get; init; } = new();
    public Schedule Schedule { get; init; } = new();

    [JsonIgnore] public override PixelRange Range => PixelRange.Unit;

    public static RecipeEntry Vae { get; } = new("vae",
        "Variational autoencoder, 20 latents, on the bundled Fashion-MNIST pictures; a picture within a minute.",
        Default: Coins(new VaeSettings { Hidden = [400], LatentDim = 20 }),
        Tiny: Small(latents: 4));

    public static RecipeEntry Vae2D { get; } = new("vae-2d",
        "The same with two latents, so that the whole manifold fits on a sheet.",
        Default: Coins(new VaeSettings { Hidden = [400, 200], LatentDim = 2 }),
        Tiny: Small(latents: 2));

    public override Plan Build(PictureShape shape, Device device)
    {
        var objective = Objective.Validated();
        if (Model.Likelihood == Likelihood.Bernoulli && Data.Binarize == Binarization.None)
            throw new SettingsException("model.likelihood is bernoulli, which needs pictures of 0 and 1, and data.binarize is none. Set data.binarize to dynamic, threshold or fixed, or model.likelihood to gaussian.");

        var model = new Vae(shape, Model).to(device);
        Func<Batch, NllTerms> terms = objective.Samples == 1 ? model.Elbo : batch => new IwaeTerms(model.LogWeights(batch, objective.Samples));
        return new Plan(new LikelihoodAlgorithm(model, terms, objective.Of, Optimizer, Schedule, Trainer.BatchSize), model) { BestBy = Validation.Nll };
    }

    // Coins of the greys, thrown anew each time: on the bundled pictures their samples hang together better than those of a
    // Gaussian with a learned deviation, whose codes hold more (58 nats against 18) than the prior can be asked for.
    private static VaeRecipe Coins(VaeSettings model) => new()
    {
        Data = new DataSettings { Binarize = Binarization.Dynamic },
        Model = model,
        Trainer = new TrainerSettings { Examples = 1_500_000, LookEvery = 100_000, SaveEvery = 100_000 },
    };

    private static VaeRecipe Small(long latents) => Coins(new VaeSettings { Hidden = [32], LatentDim = latents }) with
    {
        Trainer = new TrainerSettings { Examples = 2_000, BatchSize = 20, LogEvery = 500, LookEvery = 1_000, SaveEvery = 500, EmaHalfLife = 200 },
    };
}
