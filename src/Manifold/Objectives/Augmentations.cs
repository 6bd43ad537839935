using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Objectives;

/// <summary>Something done to every picture that a discriminator sees, real or fake, with the gradient passing through.</summary>
public enum Augmentation
{
    /// <summary>Brightness, saturation and contrast of each picture.</summary>
    Colour,

    /// <summary>A shift of up to an eighth each way; mid-grey comes in.</summary>
    Translation,

    /// <summary>A square of half the side made mid-grey.</summary>
    Cutout,
}

/// <summary>Augmentations that a gradient passes through, for games with few pictures.</summary>
/// <remarks>Zhao et al. 2020, https://arxiv.org/abs/2006.10738. The generator learns the data and not the augmentations, because both sides are shown the same ones.</remarks>
public static class Augmentations
{
    /// <param name="x">[B, C, H, W] in [-1, 1].</param>
    /// <exception cref="ArgumentException">x is not pictures of float32 numbers.</exception>
    public static Tensor Apply(IReadOnlyList<Augmentation> augment, Tensor x)
    {
        x.ExpectType([ScalarType.Float32]).ExpectShape([-1, -1, -1, -1]);
        foreach (var one in augment)
            x = one switch
            {
                Augmentation.Colour => Colour(x),
                Augmentation.Translation => Translation(x),
                _ => Cutout(x),
            };
        return x;
    }

    private static Tensor Colour(Tensor x)
    {
        Tensor Chance() => rand([x.shape[0], 1, 1, 1], device: x.device);
        x = x + (Chance() - 0.5);                                                        // brightness
        var grey = x.mean([1], keepdim: true);
        x = x.shape[1] == 1 ? x : (x - grey) * (Chance() * 2) + grey;                    // saturation; grey has none
        var mean = x.mean([1, 2, 3], keepdim: true);
        return (x - mean) * (Chance() + 0.5) + mean;                                     // contrast
    }

    // A shift as a product with a matrix of zeros and ones each way: exact, and quick in both directions.
    private static Tensor Translation(Tensor x)
    {
        Tensor rows = Shift(x.shape[0], x.shape[2], x.device), columns = Shift(x.shape[0], x.shape[3], x.device);
        return matmul(matmul(rows, x), columns.transpose(2, 3));                         // [B, C, H, W]
    }

    /// <summary>[B, 1, size, size] with a 1 at (i, i + s) for each picture's own shift s.</summary>
    private static Tensor Shift(long count, long size, Device device)
    {
        var reach = size / 8;
        var shift = randint(-reach, reach + 1, [count, 1, 1, 1], device: device);
        Tensor i = arange(size, device: device).view(1, 1, size, 1), j = arange(size, device: device).view(1, 1, 1, size);
        return (j - i).eq(shift).to_type(ScalarType.Float32);
    }

    private static Tensor Cutout(Tensor x)
    {
        long height = x.shape[2], width = x.shape[3];
        return x * (1 - Band(height).unsqueeze(-1) * Band(width).unsqueeze(-2));         // the square is where both bands are

        // [B, 1, size]: half of the places in a row, about a centre anywhere.
        Tensor Band(long size)
        {
            var centre = randint(0, size + 1, [x.shape[0], 1, 1], device: x.device);
            var from = arange(size, device: x.device).view(1, 1, size) - centre + size / 4;
            return from.ge(0).logical_and(from.lt(size / 2)).to_type(ScalarType.Float32);
        }
    }
}
