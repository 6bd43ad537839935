using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Training.Algorithms;

/// <summary>Cross-entropy of a classifier's answers, in nats.</summary>
public sealed class ClassifierAlgorithm<T>(T model, OptimizerSettings settings, Schedule schedule, int batchSize) : IAlgorithm where T : nn.Module, IClassifier
{
    private readonly Optimizer descent = Optimizer.Create(settings, model.named_parameters());

    public IReadOnlyDictionary<string, nn.Module> Networks { get; } = new Dictionary<string, nn.Module> { ["model"] = model };
    public IReadOnlyDictionary<string, Optimizer> Optimizers => new Dictionary<string, Optimizer> { ["model"] = descent };
    public int BatchSize(long examplesSeen) => batchSize;

    public IReadOnlyList<(string Name, Tensor Value)> Step(Batch batch, long examplesSeen)
    {
        var (x, labels) = model.Asked(batch);
        var logits = model.Logits(x);
        var loss = nn.functional.cross_entropy(logits, labels);
        descent.ZeroGrad();
        loss.backward();
        descent.Step(settings.LearningRate * schedule.At(examplesSeen));
        return [("loss", loss.detach()), ("accuracy", logits.argmax(1).eq(labels).to_type(ScalarType.Float32).mean())];
    }
}
