using static TorchSharp.torch;

namespace Manifold.Training;

/// <summary>Everything that a resume needs, as named tensors in named groups (model, ema, optimizer, state, and plateau in a run that stops by one).</summary>
public sealed record TensorGroups(IReadOnlyDictionary<string, IReadOnlyDictionary<string, Tensor>> Groups)
{
    /// <summary>Groups that stay as they are where a checkpoint has none of that name.</summary>
    public IReadOnlyCollection<string> MayLack { get; init; } = [];
}

/// <summary>Where a run keeps what it must not lose: a folder in earnest, memory in tests.</summary>
public interface IRunStore
{
    /// <summary>One line of the log: the means of the named values since the last.</summary>
    void Log(long examplesSeen, IReadOnlyDictionary<string, double> values);

    /// <summary>One line of the log in words: what a run shows signs of.</summary>
    void Note(long examplesSeen, Advice advice) { }

    /// <summary>Keeps all of it, or, if anything fails on the way, leaves the last one whole.</summary>
    /// <param name="score">The value that decides which checkpoint is the best, lower is better; null if none was taken.</param>
    void Save(long examplesSeen, TensorGroups tensors, double? score);

    /// <summary>Copies the newest whole checkpoint into these tensors, in place; returns how many examples it had seen, null in a fresh store.</summary>
    long? Resume(TensorGroups tensors);
}

/// <summary>The state of a run at a tick, as an observer sees it: the averaged weights are in the networks while it looks.</summary>
public sealed record Moment(long ExamplesSeen, bool IsLast, IAlgorithm Algorithm);

/// <summary>Someone who looks at a run at its checkpoints: draws a grid, evaluates, advises.</summary>
public interface IObserver
{
    /// <summary>Looks, and returns values for the log; none is common.</summary>
    IReadOnlyDictionary<string, double> Look(Moment moment);

    /// <summary>Those of the values of which it is known which way is better; no others may rank checkpoints.</summary>
    IReadOnlyList<Ranking> Ranked => [];
}
