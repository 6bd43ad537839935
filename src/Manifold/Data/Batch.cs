using System.Text.Json.Serialization;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Data;

/// <summary>The size of one picture: channels, rows, columns.</summary>
public readonly record struct PictureShape(int Channels, int Height, int Width)
{
    /// <summary>Numbers in one picture.</summary>
    public int Dims => Channels * Height * Width;

    /// <summary>Whether an example is a point of the plane, x and y, and no picture.</summary>
    [JsonIgnore] public bool IsPoint => this is (2, 1, 1);

    public override string ToString() => $"{Channels}x{Height}x{Width}";
}

/// <summary>Examples and what goes with them. A model takes the whole batch and reads what it needs.</summary>
/// <param name="X">Pictures, [B, C, H, W], float32; the range is the source's (see <see cref="PixelRange"/>).</param>
public sealed record Batch(Tensor X)
{
    /// <summary>Class numbers, [B], int64; null where the set has no labels.</summary>
    public Tensor? Labels { get; init; }

    public long Count => X.shape[0];

    /// <summary>Every tensor of the batch.</summary>
    public IEnumerable<Tensor> Tensors => Labels is null ? [X] : [X, Labels];

    public Batch To(Device device) => With(tensor => tensor.to(device));

    /// <summary>The batch with something done to each of its tensors.</summary>
    public Batch With(Func<Tensor, Tensor> change) => new(change(X)) { Labels = Labels is null ? null : change(Labels) };
}

/// <summary>The batch at a position of the training set: examples position, position + 1, ... in the order that the seed decides.</summary>
/// <remarks>A pure function of (data, seed, position), so the order of the data needs no saved state and a resumed run sees what it would have seen.</remarks>
public delegate Batch BatchAt(long position, int count);

/// <summary>What a byte 0..255 becomes.</summary>
public enum PixelRange
{
    /// <summary>[0, 1], for likelihood models.</summary>
    Unit,

    /// <summary>[-1, 1], for adversarial models.</summary>
    Symmetric,

    /// <summary>0..255 as float32, for models of the bytes themselves.</summary>
    Bytes,
}

/// <summary>How grey becomes 0 or 1. Numbers of different binarizations must never be compared, so the name goes into every result.</summary>
public enum Binarization
{
    /// <summary>Grey stays grey.</summary>
    None,

    /// <summary>1 where the byte is at least 128.</summary>
    Threshold,

    /// <summary>A coin of probability byte / 255, thrown anew every time an example is seen; evaluation throws from one fixed seed.</summary>
    Dynamic,

    /// <summary>The same coin, thrown once for each pixel of the set from one named seed, and kept.</summary>
    Fixed,
}
