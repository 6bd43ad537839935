namespace Manifold.Data;

/// <summary>Cropping and resizing of decoded pixels: Keys' cubic with a = -1/2, widened where pictures shrink (antialiased), across and then down.</summary>
/// <remarks>Sums are of doubles, and neither rounded nor clipped between the two passes; the result is rounded and clipped to 0..255.</remarks>
public static class Resize
{
    /// <summary>The largest square in the middle, brought to size x size.</summary>
    public static Pixels ToSquare(Pixels picture, int size)
    {
        var shape = new PictureShape(picture.Shape.Channels, size, size);
        var result = new byte[shape.Dims];
        ToSquare(picture.Values, picture.Shape, size, result);
        return new Pixels(shape, result);
    }

    /// <summary>The same into memory that is there.</summary>
    /// <param name="target">Channels x size x size bytes.</param>
    internal static void ToSquare(ReadOnlySpan<byte> values, PictureShape shape, int size, Span<byte> target)
    {
        var weights = Weights(Math.Min(shape.Height, shape.Width), size);
        for (var c = 0; c < shape.Channels; c++)
            Plane(values.Slice(c * shape.Height * shape.Width, shape.Height * shape.Width), shape.Height, shape.Width, weights, target.Slice(c * size * size, size * size));
    }

    /// <summary>One channel: the largest square in its middle.</summary>
    internal static void Plane(ReadOnlySpan<byte> plane, int height, int width, (int First, double[] Taps)[] weights, Span<byte> target)
    {
        var (side, size) = (Math.Min(height, width), weights.Length);
        int top = (height - side) / 2, left = (width - side) / 2;
        var held = weights.Max(weight => weight.Taps.Length);                            // rows that one output row is made of
        var rows = new double[held * size];                                              // [held, size], a ring of rows that are resized across
        var made = 0;
        for (var y = 0; y < size; y++)
        {
            var (firstRow, tapsDown) = weights[y];
            for (; made < firstRow + tapsDown.Length; made++)
                Across(plane.Slice((top + made) * width + left, side), weights, rows.AsSpan(made % held * size, size));
            for (var x = 0; x < size; x++)
            {
                var sum = 0.0;
                for (var k = 0; k < tapsDown.Length; k++) sum += tapsDown[k] * rows[(firstRow + k) % held * size + x];
                target[y * size + x] = (byte)Math.Clamp(Math.Round(sum), 0, 255);
            }
        }
    }

    private static void Across(ReadOnlySpan<byte> row, (int First, double[] Taps)[] weights, Span<double> target)
    {
        for (var x = 0; x < weights.Length; x++)
        {
            var (first, taps) = weights[x];
            var sum = 0.0;
            for (var k = 0; k < taps.Length; k++) sum += taps[k] * row[first + k];
            target[x] = sum;
        }
    }

    // Each output is a weighted mean of the inputs under a cubic whose width grows with the shrinking, so that what is too
    // fine to be shown is averaged away and does not come back as stripes.
    internal static (int First, double[] Taps)[] Weights(int from, int to)
    {
        var scale = (double)from / to;
        var stretch = Math.Max(1, scale);
        var weights = new (int, double[])[to];
        for (var i = 0; i < to; i++)
        {
            var centre = (i + 0.5) * scale;                                              // pixels are squares, their centres at halves
            int first = Math.Max(0, (int)Math.Floor(centre - 2 * stretch)), last = Math.Min(from - 1, (int)Math.Ceiling(centre + 2 * stretch));
            var taps = new double[last - first + 1];
            for (var k = 0; k < taps.Length; k++) taps[k] = Cubic((first + k + 0.5 - centre) / stretch);
            var sum = taps.Sum();
            for (var k = 0; k < taps.Length; k++) taps[k] /= sum;
            weights[i] = (first, taps);
        }
        return weights;
    }

    /// <summary>Keys 1981, "Cubic convolution interpolation for digital image processing", equation 4 with a = -1/2.</summary>
    private static double Cubic(double x)
    {
        x = Math.Abs(x);
        return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
    }
}
