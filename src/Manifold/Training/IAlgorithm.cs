using Manifold.Data;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Training;

/// <summary>A way to train some networks. It owns them and their optimizers, and it knows one thing: how to take a step.</summary>
public interface IAlgorithm
{
    IReadOnlyDictionary<string, nn.Module> Networks { get; }
    IReadOnlyDictionary<string, Optimizer> Optimizers { get; }

    /// <summary>Networks whose weights are averaged for sampling and scores.</summary>
    IEnumerable<string> Averaged => Networks.Keys;

    /// <summary>What a resume needs beyond weights and optimizers: image pools, running statistics, a growth phase.</summary>
    IReadOnlyDictionary<string, Tensor> State => new Dictionary<string, Tensor>();

    /// <summary>Before the first step of a new run: for weights that start where the data says.</summary>
    void Start(Batch first) { }

    /// <summary>Examples wanted for the next step. Constant for most; progressive growing shrinks it as pictures grow.</summary>
    int BatchSize(long examplesSeen);

    /// <summary>Updates the networks once; returns named scalar losses, detached, still on the device.</summary>
    IReadOnlyList<(string Name, Tensor Value)> Step(Batch batch, long examplesSeen);
}
