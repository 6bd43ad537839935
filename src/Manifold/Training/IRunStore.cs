using Manifold.Engine;
using static TorchSharp.torch;

namespace Manifold.Training;

/// <summary>Everything that a resume needs, as named tensors in named groups (model, ema, optimizer, state, and plateau in a run that stops by one).</summary>
public sealed record TensorGroups(IReadOnlyDictionary<string, IReadOnlyDictionary<string, Tensor>> Groups)
{
    /// <summary>Groups that stay as they are where a checkpoint has none of that name.</summary>
    public IReadOnlyCollection<string> MayLack { get; init; } = [];

    /// <summary>Groups whose numbers may be infinite.</summary>
    public IReadOnlyCollection<string> MayBeInfinite { get; init; } = [];

    /// <summary>Sums of the log line that is under way: what a store saves with the tensors, and sets when it has loaded them.</summary>
    public IReadOnlyDictionary<string, PartialSum> Pending { get; set; } = new Dictionary<string, PartialSum>();

    /// <summary>The first tensor with a number that is NaN or infinite, in words; null if all are finite.</summary>
    public string? FirstNonFinite() =>
        Finite.FirstBad(Groups.Where(group => !MayBeInfinite.Contains(group.Key)).SelectMany(group => group.Value.Select(tensor => (InWords(group.Key, tensor.Key), tensor.Value))));

    private static string InWords(string group, string name) => group switch
    {
        "model" => $"the weight {name}",
        "ema" => $"the averaged weight {name}",
        "optimizer" => $"the optimizer's {name}",
        _ => $"the {group}'s {name}",
    };
}

/// <summary>The sum of a logged value since the last line, and of how many steps it is.</summary>
public readonly record struct PartialSum(double Sum, long Count);

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

    /// <summary>The same, to look for what went wrong after that checkpoint: the log stays as it is.</summary>
    long? Load(TensorGroups tensors) => Resume(tensors);
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
