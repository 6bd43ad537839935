using System.Text.Json.Serialization;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Models;
using Manifold.Training;
using Manifold.Training.Algorithms;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Recipes;

/// <summary>A small classifier, trained for its features: what fid_lenet and its kin compare samples and data by.</summary>
public sealed record FeaturesRecipe : Recipe
{
    public ClassifierSettings Model { get; init; } = new();
    public OptimizerSettings Optimizer { get; init; } = new() { LearningRate = 1e-3 };
    public Schedule Schedule { get; init; } = new() { Kind = ScheduleKind.Cosine, Over = 300_000 };

    [JsonIgnore] public override PixelRange Range => PixelRange.Unit;

    public static RecipeEntry Entry { get; } = new("features",
        "A small classifier for fid_lenet and its kin, on labels or, without them, on quarter turns; on the bundled pictures.",
        Default: new FeaturesRecipe
        {
            Data = new DataSettings { Size = 32 },
            Trainer = new TrainerSettings { Examples = 300_000, BatchSize = 100, LookEvery = 50_000, SaveEvery = 50_000, EmaHalfLife = 5_000 },
        },
        Tiny: new FeaturesRecipe
        {
            Data = new DataSettings { Size = 16 },
            Model = new ClassifierSettings { Width = 2, Features = 8 },
            Trainer = new TrainerSettings { Examples = 400, BatchSize = 20, LogEvery = 100, LookEvery = 200, SaveEvery = 100, EmaHalfLife = 100 },
        });

    public override Plan Build(DataFacts data, Device device)
    {
        var model = new SmallClassifier(data.Shape, Model, data.Classes);
        model.to(device);
        if (device.type == DeviceType.CPU) model.ToChannelsLast();
        return new Plan(new ClassifierAlgorithm<SmallClassifier>(model, Optimizer, Schedule.Validated(), Trainer.BatchSize), model) { BestBy = "validation_error" };
    }
}
