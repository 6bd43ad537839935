namespace Manifold.Training;

/// <summary>A logged value that says which weights are better.</summary>
/// <param name="Name">As it is logged: validation_nll.</param>
/// <param name="HigherIsBetter">Whether the best is the highest; the lowest if not.</param>
public sealed record Ranking(string Name, bool HigherIsBetter = false)
{
    /// <summary>The value as a store ranks it, lower is better; null where it was not logged, or is NaN or infinite.</summary>
    public double? ScoreOf(IReadOnlyDictionary<string, double> values) =>
        values.TryGetValue(Name, out var value) && double.IsFinite(value) ? Turned(value) : null;

    /// <summary>A score as it was logged, or a logged value as a score.</summary>
    public double Turned(double value) => HigherIsBetter ? -value : value;
}
