using System.Text.Json.Serialization;
using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Layers;
using Manifold.Models;
using Manifold.Objectives;
using Manifold.Training;
using Manifold.Training.Algorithms;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Recipes;

/// <summary>The adversarial models: two networks and a game, on pictures or points.</summary>
public sealed record GanRecipe : Recipe
{
    public GanSettings Model { get; init; } = new();
    public AdversarialObjective Objective { get; init; } = new();
    public OptimizerSettings Generator { get; init; } = Radford;
    public OptimizerSettings Discriminator { get; init; } = Radford;
    public Schedule Schedule { get; init; } = new();

    [JsonIgnore] public override PixelRange Range => PixelRange.Symmetric;

    public static RecipeEntry Dcgan { get; } = new("dcgan",
        "DCGAN, the non-saturating game, 32 pixels; on the bundled pictures.",
        Default: Pictures(new AdversarialObjective()),
        Tiny: Small(new AdversarialObjective()));

    public static RecipeEntry Lsgan { get; } = new("lsgan",
        "The same networks and the least-squares game (LSGAN); on the bundled pictures.",
        Default: Pictures(new AdversarialObjective { Game = GameKind.LeastSquares }),
        Tiny: Small(new AdversarialObjective { Game = GameKind.LeastSquares, Coding = [-1, 1, 0] }));

    public static RecipeEntry WganGp { get; } = new("wgan-gp",
        "The same networks as critic and generator of a Wasserstein distance, with a gradient penalty; on the bundled pictures.",
        Default: Slopes(Pictures(new AdversarialObjective { Game = GameKind.WassersteinGp, DiscriminatorSteps = 3 })) with { Generator = Gulrajani, Discriminator = Gulrajani },
        Tiny: Slopes(Small(new AdversarialObjective { Game = GameKind.WassersteinGp, DiscriminatorSteps = 2 })));

    public static RecipeEntry Gan { get; } = new("gan",
        "The first adversarial nets, fully connected; on the bundled pictures.",
        Default: Pictures(new AdversarialObjective()) with
        {
            Data = new DataSettings(),
            Model = new GanSettings { Network = GanNetwork.Mlp, Hidden = [1024, 512, 256] },
            Trainer = new TrainerSettings { Examples = 600_000, BatchSize = 100, LookEvery = 50_000, SaveEvery = 50_000, EmaHalfLife = 5_000 },
        },
        Tiny: Small(new AdversarialObjective { Game = GameKind.Minimax, Smoothing = 0.1 }) with { Data = new DataSettings(), Model = new GanSettings { Network = GanNetwork.Mlp, LatentDim = 4, Hidden = [16] } });

    public static RecipeEntry Ring { get; } = Points("gan-ring", Toy.Ring, "Eight Gaussians on a circle", new AdversarialObjective());
    public static RecipeEntry RingDoubled { get; } = Points("lsgan-ring", Toy.RingDoubled, "The LSGAN authors' ring, one mode of the eight with double weight, and their game", new AdversarialObjective { Game = GameKind.LeastSquares }, ofD: 1e-4);
    public static RecipeEntry Squares { get; } = Points("gan-grid", Toy.Squares, "Twenty-five Gaussians on a grid", new AdversarialObjective());
    public static RecipeEntry SwissRoll { get; } = Points("gan-swiss-roll", Toy.SwissRoll, "A spiral, a manifold of one dimension", new AdversarialObjective());

    public static RecipeEntry Stacked { get; } = new("gan-stacked-mnist",
        "DCGAN on three digits at once, a thousand modes; MNIST must be here (./manifold data get mnist).",
        Default: Pictures(new AdversarialObjective()) with { Data = new DataSettings { Set = "stacked-mnist", Size = 32 } },
        Tiny: Small(new AdversarialObjective()) with { Model = new GanSettings { LatentDim = 4, Width = 4, DiscriminatorNorm = Norm.Spectral } });

    /// <exception cref="ArgumentException">A setting is out of range, or two contradict each other; the message names them.</exception>
    internal override double LeastParameters(DataFacts data) => Model.Network == GanNetwork.Mlp
        ? Mlp.Weights([Model.LatentDim, .. Model.Hidden.Reverse().Select(width => (double)width), data.Shape.Dims])
        : (double)Model.LatentDim * Model.Width;

    public override Plan Build(DataFacts data, Device device)
    {
        Objective.Validated();
        SettingChecks.Need(Data.Binarize == Binarization.None && !Data.Dequantize, "data.binarize", Data.Binarize.ToString().ToLowerInvariant(), "none, and data.dequantize=false: an adversarial model is shown pictures as they are");
        if (Objective.HasSlopes && Model is { Network: GanNetwork.Dcgan, DiscriminatorNorm: Norm.Batch })
            throw new SettingsException($"model.discriminator_norm is batch, and {(Objective.R1 > 0 ? $"objective.r1 is {Objective.R1}" : "the game has a gradient penalty")}: a slope of D needs a score that is of one example alone. Set model.discriminator_norm to layer or none.");
        if (Objective.Augment.Count > 0 && data.Shape.IsPoint) throw new SettingsException($"objective.augment is of pictures, and {data.Name} is of points; set it to [].");
        var model = new Models.Gan(data.Shape, Model, data.Classes);
        model.to(device);
        if (Model.Network == GanNetwork.Dcgan && device.type == DeviceType.CPU) model.ToChannelsLast();
        return new Plan(new GanAlgorithm(model, Objective, Generator, Discriminator, Schedule.Validated(), Trainer.BatchSize), model);
    }

    public override IReadOnlyList<IObserver> Watches(Plan plan, DataSet data, Device device) =>
        [.. base.Watches(plan, data, device), new GanWatch((Models.Gan)plan.Model, data.Validation, device)];

    public override IReadOnlyList<IAdvisor> Advisors(DataSet data) => [new GanAdvisor(Objective.ToGame().Name, Trainer, Toy.Named(data.Name)?.Centres.Count is > 0 and var modes ? modes : null, doubles: Model.Network == GanNetwork.Dcgan)];

    // Radford et al. 2015, section 4.
    private static OptimizerSettings Radford => new() { LearningRate = 2e-4, Beta1 = 0.5 };

    // Gulrajani et al. 2017, algorithm 1.
    private static OptimizerSettings Gulrajani => new() { LearningRate = 2e-4, Beta1 = 0, Beta2 = 0.9 };

    private static GanRecipe Pictures(AdversarialObjective objective) => new()
    {
        Data = new DataSettings { Size = 32 },
        Objective = objective,
        Trainer = new TrainerSettings { Examples = 300_000, BatchSize = 64, LookEvery = 20_000, SaveEvery = 20_000, EmaHalfLife = 5_000 },
    };

    private static GanRecipe Slopes(GanRecipe recipe) => recipe with { Model = recipe.Model with { DiscriminatorNorm = Norm.Layer } };

    private static GanRecipe Small(AdversarialObjective objective) => Pictures(objective) with
    {
        Data = new DataSettings { Size = 16 },
        Model = new GanSettings { LatentDim = 4, Width = 4 },
        Trainer = new TrainerSettings { Examples = 400, BatchSize = 20, LogEvery = 100, LookEvery = 200, SaveEvery = 100, EmaHalfLife = 100 },
    };

    // The networks and the batch are the LSGAN authors' script's for its ring: two layers of 128 tanh, 256 normal codes. There G is ten times as
    // fast as D; with both as fast all eight modes were covered within 1.5 million examples, where with theirs none was after 1.0 million (docs/results).
    private static RecipeEntry Points(string name, Toy toy, string what, AdversarialObjective objective, double ofD = 1e-3)
    {
        var recipe = new GanRecipe
        {
            Data = new DataSettings { Set = toy.Name },
            Model = new GanSettings { Network = GanNetwork.Mlp, LatentDim = 256, Hidden = [128, 128], Activation = Activation.Tanh },
            Objective = objective,
            Generator = Radford with { LearningRate = 1e-3 },
            Discriminator = Radford with { LearningRate = ofD },
            Trainer = new TrainerSettings { Examples = 2_560_000, BatchSize = 512, LogEvery = 102_400, LookEvery = 256_000, SaveEvery = 1_024_000, EmaHalfLife = 50_000 },
        };
        return new RecipeEntry(name, $"{what}, drawn as it is learned; a minute or two.", recipe, recipe with
        {
            Model = recipe.Model with { LatentDim = 4, Hidden = [8] },
            Trainer = new TrainerSettings { Examples = 400, BatchSize = 20, LogEvery = 100, LookEvery = 200, SaveEvery = 100, EmaHalfLife = 100 },
        });
    }
}
