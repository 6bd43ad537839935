using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Training.Algorithms;

/// <summary>Maximum likelihood, exact or bounded: VAE, PixelCNN, PixelRNN, WaveNet, PixelVAE and IAF all train this way.</summary>
/// <param name="terms">What the model says of a batch.</param>
/// <param name="objective">From those terms and the examples seen to the scalar that is minimised.</param>
public sealed class LikelihoodAlgorithm(
    nn.Module model, Func<Batch, NllTerms> terms, Func<NllTerms, long, Tensor> objective,
    OptimizerSettings optimizer, Schedule schedule, int batchSize) : IAlgorithm
{
    private readonly Optimizer descent = Optimizer.Create(optimizer, model.named_parameters());

    public IReadOnlyDictionary<string, nn.Module> Networks { get; } = new Dictionary<string, nn.Module> { ["model"] = model };
    public IReadOnlyDictionary<string, Optimizer> Optimizers => new Dictionary<string, Optimizer> { ["model"] = descent };
    public int BatchSize(long examplesSeen) => batchSize;

    public void Start(Batch first) => (model as IStartsFromData)?.StartFrom(first);

    public IReadOnlyList<(string Name, Tensor Value)> Step(Batch batch, long examplesSeen)
    {
        var reported = terms(batch);
        var loss = objective(reported, examplesSeen);

        descent.ZeroGrad();
        loss.backward();
        descent.Step(optimizer.LearningRate * schedule.At(examplesSeen));

        using var _ = no_grad();
        return [("loss", loss.detach()), ("nll", reported.Nll.mean()), .. reported.Parts.Select(part => (part.Name, part.Value.mean()))];
    }
}
