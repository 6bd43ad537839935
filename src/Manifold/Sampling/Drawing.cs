using Manifold.Data;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Sampling;

/// <summary>How far a drawing is.</summary>
/// <param name="Share">Of the work that is done.</param>
/// <param name="SoFar">The pictures as they stand, [N, C, H, W], black where nothing is drawn yet; the caller's to dispose.</param>
public readonly record struct DrawingProgress(double Share, Func<Tensor> SoFar);

/// <summary>What is asked of pictures that are drawn a place at a time, beside the chance.</summary>
public sealed record Drawing
{
    /// <summary>Weights of the classes, [N, Classes]; null where there are none.</summary>
    public Tensor? Condition { get; init; }

    /// <summary>What the model is told of every pixel, [N, M, H, W]; null where it is told nothing.</summary>
    public Tensor? Map { get; init; }

    /// <summary>Pictures in [0, 1], [N, C, H, W], whose pixels stay as they are where <see cref="Keep"/> says so.</summary>
    public Tensor? Known { get; init; }

    /// <summary>[H, W], 1 where a pixel is known.</summary>
    public Tensor? Keep { get; init; }

    /// <summary>1 for the model's own law; below it for what it finds likelier.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Told the share that is done; may throw to stop.</summary>
    public Action<DrawingProgress>? Progress { get; init; }

    /// <summary>The pixels that are known, row by row; null for none.</summary>
    /// <exception cref="ArgumentException">Temperature, <see cref="Keep"/> or <see cref="Known"/> is out of range, or one of the two is missing.</exception>
    internal bool[]? KeptPlaces(PictureShape shape)
    {
        SettingChecks.Need(Temperature > 0 && double.IsFinite(Temperature), "temperature", Temperature, "above 0");
        if (Known is null != Keep is null) throw new ArgumentException($"{(Known is null ? nameof(Known) : nameof(Keep))} is missing; a part that is known needs the pictures and where they are known.");
        Known?.ExpectShape([-1, shape.Channels, shape.Height, shape.Width]);
        using var scope = NewDisposeScope();
        return Keep?.ExpectShape([shape.Height, shape.Width]).to_type(ScalarType.Bool).cpu().contiguous().data<bool>().ToArray();
    }
}
