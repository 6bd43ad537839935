using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Training;

/// <summary>When a run stops before all its examples are seen.</summary>
public enum StopWhen
{
    /// <summary>Never.</summary>
    Never,

    /// <summary>When no look has had a better score for <see cref="TrainerSettings.Patience"/> examples.</summary>
    Plateau,
}

/// <summary>Remembers the best score of a run, and says when none was better for long enough. All that it knows is one tensor of a checkpoint, so a resumed run stops where the run that was never stopped does.</summary>
/// <param name="patience">Examples without a better score.</param>
/// <param name="lookEvery">Examples between looks. They are taken after whole steps, so patience is counted from multiple to multiple of this.</param>
public sealed class Plateau(long patience, long lookEvery) : IDisposable
{
    private readonly Tensor memory = tensor(new[] { double.PositiveInfinity, -1, -1 }, ScalarType.Float64).DetachFromDisposeScope();   // the best score; examples seen when it was taken, and at the last look

    /// <summary>What a checkpoint keeps of it.</summary>
    public IReadOnlyDictionary<string, Tensor> State => new Dictionary<string, Tensor> { ["best"] = memory };

    /// <summary>The best score, lower is better; infinite where no look had one.</summary>
    public double Best => memory[0].item<double>();

    /// <summary>Examples seen when the best score was taken.</summary>
    public long BestAt => (long)memory[1].item<double>();

    /// <summary>Examples for which no score was better, up to the last look; a multiple of those between looks.</summary>
    public long Since => ((long)memory[2].item<double>() / lookEvery - BestAt / lookEvery) * lookEvery;

    /// <summary>Whether it is time to stop.</summary>
    public bool IsReached => Since >= patience;

    /// <summary>Counts from here, unless a checkpoint has said from where.</summary>
    public void Begin(long examplesSeen)
    {
        if (BestAt < 0) Remember(double.PositiveInfinity, examplesSeen, examplesSeen);
    }

    /// <summary>Notes what a look has found.</summary>
    /// <param name="score">Lower is better; null if none was taken, or it is not finite.</param>
    /// <returns>Whether it is the best so far. One that only equals the best is not.</returns>
    public bool Note(long examplesSeen, double? score)
    {
        var isBest = score < Best;
        Remember(isBest ? score!.Value : Best, isBest ? examplesSeen : BestAt, examplesSeen);
        return isBest;
    }

    /// <summary>Frees the memory; what it had noted can no longer be read.</summary>
    public void Dispose() => memory.Dispose();

    private void Remember(double best, long bestAt, long lookedAt)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        memory.copy_(tensor(new[] { best, bestAt, lookedAt }, ScalarType.Float64));
    }
}
