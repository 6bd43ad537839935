namespace Manifold.Data;

/// <summary>Cropping and resizing of decoded pixels.</summary>
public static class Resize
{
    /// <summary>The largest square in the middle, brought to size x size.</summary>
    public static Pixels ToSquare(Pixels picture, int size)
    {
        var (channels, height, width) = (picture.Shape.Channels, picture.Shape.Height, picture.Shape.Width);
        var side = Math.Min(height, width);
        int top = (height - side) / 2, left = (width - side) / 2;
        var weights = Weights(side, size);
        var result = new byte[channels * size * size];
        var rows = new double[side * size];                                              // [side, size], across first
        for (var c = 0; c < channels; c++)
        {
            for (var y = 0; y < side; y++)
                for (var x = 0; x < size; x++)
                {
                    var (first, taps) = weights[x];
                    var sum = 0.0;
                    for (var k = 0; k < taps.Length; k++) sum += taps[k] * picture.Values[(c * height + top + y) * width + left + first + k];
                    rows[y * size + x] = sum;
                }
            for (var y = 0; y < size; y++)
                for (var x = 0; x < size; x++)
                {
                    var (first, taps) = weights[y];
                    var sum = 0.0;
                    for (var k = 0; k < taps.Length; k++) sum += taps[k] * rows[(first + k) * size + x];
                    result[(c * size + y) * size + x] = (byte)Math.Clamp(Math.Round(sum), 0, 255);
                }
        }
        return new Pixels(new PictureShape(channels, size, size), result);
    }

    // Each output is a weighted mean of the inputs under a cubic whose width grows with the shrinking, so that what is too
    // fine to be shown is averaged away and does not come back as stripes.
    private static (int First, double[] Taps)[] Weights(int from, int to)
    {
        var scale = (double)from / to;
        var stretch = Math.Max(1, scale);
        var weights = new (int, double[])[to];
        for (var i = 0; i < to; i++)
        {
            var centre = (i + 0.5) * scale;                                              // pixels are squares, their centres at halves
            int first = Math.Max(0, (int)Math.Floor(centre - 2 * stretch)), last = Math.Min(from - 1, (int)Math.Ceiling(centre + 2 * stretch));
            var taps = Enumerable.Range(first, last - first + 1).Select(k => Cubic((k + 0.5 - centre) / stretch)).ToArray();
            var sum = taps.Sum();
            weights[i] = (first, [.. taps.Select(tap => tap / sum)]);
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
