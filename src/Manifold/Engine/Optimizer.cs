using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Manifold.Engine;

/// <summary>Takes steps down a gradient. Built after the network is on its device: TorchSharp's to() makes new parameters.</summary>
public abstract class Optimizer(IReadOnlyList<(string name, Parameter parameter)> parameters)
{
    public IReadOnlyList<(string name, Parameter parameter)> Parameters { get; } = parameters;

    /// <summary>Moments and counters by name, for checkpoints; the tensors are live and can be copied into.</summary>
    public abstract IReadOnlyDictionary<string, Tensor> State { get; }

    /// <summary>Forgets the gradients.</summary>
    public abstract void ZeroGrad();

    /// <summary>Moves the parameters once by the gradients they hold; those that hold none stay.</summary>
    /// <param name="learningRate">The rate of this step; a schedule's value at the examples seen.</param>
    public abstract void Step(double learningRate);
}
