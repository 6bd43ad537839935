using System.Text.Json.Serialization;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Layers;
using Manifold.Models;
using Manifold.Training;
using Manifold.Training.Algorithms;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Recipes;

/// <summary>The models of order: each says how its network is made, the rest is the same.</summary>
public abstract record PixelRecipe : Recipe
{
    public OptimizerSettings Optimizer { get; init; } = new();
    public Schedule Schedule { get; init; } = new();

    [JsonIgnore] public override PixelRange Range => PixelRange.Unit;

    protected abstract PixelModel Make(DataFacts data);

    // A mixture gives the channels of a pixel at once, in a third of the steps of one after the other; MADE has outputs of its own for every pixel and needs fewer.
    private protected static LikelihoodSettings Mixture { get; } = new() { Kind = Likelihood.LogisticMixture };
    private protected static LikelihoodSettings Logistics { get; } = new() { Kind = Likelihood.DiscretizedLogistic, Spread = Spread.EachPixel };

    private protected LikelihoodChoice Choose(LikelihoodSettings likelihood, DataSet data, string own, Func<string, bool> isSet, LikelihoodSettings grey) =>
        LikelihoodChoice.Of(likelihood, Data, data, own, isSet, grey);

    public override Plan Build(DataFacts data, Device device)
    {
        var model = Make(data);
        LikelihoodData.Suit(model.Settings, Data, data);
        model.to(device);
        if (device.type == DeviceType.CPU) model.ToChannelsLast();
        return new Plan(new LikelihoodAlgorithm(model, model.Likely, (terms, _) => terms.Nll.mean(), Optimizer, Schedule.Validated(), Trainer.BatchSize), model) { BestBy = Validation.Nll };
    }

    private protected static DataSettings Coins { get; } = new() { Binarize = Binarization.Dynamic };
    private protected static TrainerSettings Seconds { get; } = new() { Examples = 400, BatchSize = 20, LogEvery = 100, LookEvery = 200, SaveEvery = 100, EmaHalfLife = 100 };
}

/// <summary>The gated PixelCNN.</summary>
public sealed record GatedPixelCnnRecipe : PixelRecipe
{
    public GatedPixelCnnSettings Model { get; init; } = new();

    protected override Recipe Fitted(DataSet data, string own, Func<string, bool> isSet) =>
        Choose(Model.Likelihood, data, own, isSet, Mixture) is var choice
            ? this with { Data = choice.Data, Model = Model with { Likelihood = choice.Likelihood }, LikelihoodReason = choice.ToString() } : this;

    protected override PixelModel Make(DataFacts data) => new GatedPixelCnn(data.Shape, Model, data.Classes);

    public static RecipeEntry Entry { get; } = new("gated-pixelcnn",
        "Gated PixelCNN, two stacks without a blind spot, exact likelihoods; on the bundled pictures.",
        Default: new GatedPixelCnnRecipe { Data = Coins, Trainer = new TrainerSettings { Examples = 60_000, BatchSize = 64, LogEvery = 2_000, LookEvery = 20_000, SaveEvery = 20_000, EmaHalfLife = 2_000 } },
        Tiny: new GatedPixelCnnRecipe { Data = Coins, Trainer = Seconds, Model = new GatedPixelCnnSettings { Channels = 4, Layers = 1, FirstKernel = 5, Kernel = 3 } });
}

/// <summary>The masked autoencoder.</summary>
public sealed record MadeRecipe : PixelRecipe
{
    public MadeSettings Model { get; init; } = new();

    protected override Recipe Fitted(DataSet data, string own, Func<string, bool> isSet) =>
        Choose(Model.Likelihood, data, own, isSet, Logistics) is var choice
            ? this with { Data = choice.Data, Model = Model with { Likelihood = choice.Likelihood }, LikelihoodReason = choice.ToString() } : this;

    internal override double LeastParameters(DataFacts data) =>
        Mlp.Weights([data.Shape.Dims, .. Model.Hidden.Select(width => (double)width), data.Shape.Dims]);

    protected override PixelModel Make(DataFacts data) => new Made(data.Shape, Model, data.Classes);

    public static RecipeEntry Entry { get; } = new("made",
        "MADE, a masked autoencoder: exact likelihoods in a minute, in any order; on the bundled pictures.",
        Default: new MadeRecipe { Data = Coins, Trainer = new TrainerSettings { Examples = 600_000, BatchSize = 100, LogEvery = 20_000, LookEvery = 100_000, SaveEvery = 100_000, EmaHalfLife = 20_000 } },
        Tiny: new MadeRecipe { Data = Coins, Trainer = Seconds, Model = new MadeSettings { Hidden = [16] } });
}

/// <summary>The PixelCNN.</summary>
public sealed record PixelCnnRecipe : PixelRecipe
{
    public PixelCnnSettings Model { get; init; } = new();

    protected override Recipe Fitted(DataSet data, string own, Func<string, bool> isSet) =>
        Choose(Model.Likelihood, data, own, isSet, Mixture) is var choice
            ? this with { Data = choice.Data, Model = Model with { Likelihood = choice.Likelihood }, LikelihoodReason = choice.ToString() } : this;

    protected override PixelModel Make(DataFacts data) => new PixelCnn(data.Shape, Model, data.Classes);

    public static RecipeEntry Entry { get; } = new("pixelcnn",
        "PixelCNN, one stack of masked convolutions, exact likelihoods; on the bundled pictures.",
        Default: new PixelCnnRecipe { Data = Coins, Trainer = new TrainerSettings { Examples = 60_000, BatchSize = 32, LogEvery = 2_000, LookEvery = 20_000, SaveEvery = 20_000, EmaHalfLife = 2_000 } },
        Tiny: new PixelCnnRecipe { Data = Coins, Trainer = Seconds, Model = new PixelCnnSettings { Channels = 8, Blocks = 1, FirstKernel = 5 } });
}

/// <summary>The PixelCNN++.</summary>
public sealed record PixelCnnPlusRecipe : PixelRecipe
{
    public PixelCnnPlusSettings Model { get; init; } = new();

    protected override Recipe Fitted(DataSet data, string own, Func<string, bool> isSet) =>
        Choose(Model.Likelihood, data, own, isSet, Mixture) is var choice
            ? this with { Data = choice.Data, Model = Model with { Likelihood = choice.Likelihood }, LikelihoodReason = choice.ToString() } : this;

    protected override PixelModel Make(DataFacts data) => new PixelCnnPlus(data.Shape, Model, data.Classes);

    public static RecipeEntry Entry { get; } = new("pixelcnn-pp",
        "PixelCNN++, two streams at three sizes, a mixture of logistics for the 256 values; on the bundled pictures.",
        Default: new PixelCnnPlusRecipe
        {
            Trainer = new TrainerSettings { Examples = 40_000, BatchSize = 32, LogEvery = 2_000, LookEvery = 20_000, SaveEvery = 20_000, EmaHalfLife = 2_000 },
        },
        Tiny: new PixelCnnPlusRecipe { Trainer = Seconds, Model = new PixelCnnPlusSettings { Filters = 4, Blocks = 1, Sizes = 2, Likelihood = new() { Kind = Likelihood.LogisticMixture, Components = 2 } } });
}
