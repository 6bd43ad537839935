using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Manifold.Engine;

/// <summary>Takes steps down a gradient. Built after the network is on its device: TorchSharp's to() makes new parameters.</summary>
public abstract class Optimizer(IReadOnlyList<(string name, Parameter parameter)> parameters) : IDisposable
{
    public IReadOnlyList<(string name, Parameter parameter)> Parameters { get; } = parameters;

    /// <summary>Moments and counters by name, for checkpoints; the tensors are live and can be copied into.</summary>
    public abstract IReadOnlyDictionary<string, Tensor> State { get; }

    /// <summary>Norm of all gradients together at the last step, before clipping: a scalar, still on the device; null where nothing is clipped.</summary>
    public virtual Tensor? GradientNorm => null;

    /// <summary>Forgets the gradients.</summary>
    public abstract void ZeroGrad();

    /// <summary>Moves the parameters once by the gradients they hold; those that hold none stay.</summary>
    /// <param name="learningRate">The rate of this step; a schedule's value at the examples seen.</param>
    public abstract void Step(double learningRate);

    /// <summary>Frees moments and counters; the parameters stay as they are.</summary>
    public abstract void Dispose();

    /// <summary>Makes the optimizer that the settings describe.</summary>
    /// <param name="settings">The update rule and its numbers.</param>
    /// <param name="parameters">What it moves, by checkpoint name.</param>
    /// <param name="path">Where its settings stand, for messages.</param>
    /// <exception cref="ArgumentException">There are no parameters, two share a name, or one is frozen.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting makes no sense; the message names it.</exception>
    public static Optimizer Create(OptimizerSettings settings, IEnumerable<(string name, Parameter parameter)> parameters, string path = "optimizer") =>
        new FusedOptimizer(settings.Validated(path), [.. parameters]);
}
