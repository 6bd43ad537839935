using System.Text.Json.Nodes;

namespace Manifold.Evaluation;

/// <summary>One number with what it means.</summary>
/// <param name="Metric">The protocol is in the name: iwae_5000.</param>
/// <param name="Value">The mean over the examples, or a count.</param>
/// <param name="Unit">nats, bits, squared units of [0, 1], latents.</param>
/// <param name="Better">higher or lower; none where neither is.</param>
/// <param name="Count">Examples it was taken over.</param>
public sealed record Measurement(string Metric, double Value, string Unit, string Better, long Count)
{
    /// <summary>Standard error of the mean over the examples; null where the value is not such a mean.</summary>
    public double? StandardError { get; init; }

    /// <summary>The value of each latent, where the metric has one for each.</summary>
    public IReadOnlyList<double>? PerLatent { get; init; }

    /// <summary>The same number of the data itself, where that says what to compare with.</summary>
    public double? Reference { get; init; }

    /// <summary>The same number of held-out data against the training data: the best that can be hoped for.</summary>
    public double? Floor { get; init; }

    /// <summary>The same number of noise against the training data: what it is to know nothing.</summary>
    public double? Ceiling { get; init; }

    /// <summary>What else the number depends on, for its line of JSON; null where there is nothing.</summary>
    public JsonObject? Provenance { get; init; }

    /// <summary>Lines for a reader that say more than the number.</summary>
    public IReadOnlyList<string> Details { get; init; } = [];

    /// <summary>Pictures that show what the number is of, where there are such; they live in the caller's dispose scope.</summary>
    public NeighbourRows? Sheet { get; init; }

    /// <summary>Time that the measurement took.</summary>
    public double Seconds { get; init; }
}

/// <summary>A metric's name is unknown, or the model cannot be measured by it. The message gives the names that would do.</summary>
public sealed class MetricException(string message) : Exception(message);
