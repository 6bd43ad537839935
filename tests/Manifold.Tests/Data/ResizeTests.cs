using Manifold.Data;

namespace Manifold.Tests.Data;

public class ResizeTests
{
    // Keys' cubic for any a, over all pixels in two dimensions at once: nothing can be rounded or clipped on the way.
    private static double Keys(double x, double a)
    {
        x = Math.Abs(x);
        return x < 1 ? (a + 2) * x * x * x - (a + 3) * x * x + 1 : x < 2 ? a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a : 0;
    }

    private static byte Reference(byte[] picture, int side, int size, int row, int column)
    {
        const double a = -0.5;
        var scale = (double)side / size;
        var stretch = Math.Max(1, scale);                        // antialiasing: as wide as what is left out
        double sum = 0, weights = 0;
        for (var y = 0; y < side; y++)
            for (var x = 0; x < side; x++)
            {
                var weight = Keys((y + 0.5 - (row + 0.5) * scale) / stretch, a) * Keys((x + 0.5 - (column + 0.5) * scale) / stretch, a);
                sum += weight * picture[y * side + x];
                weights += weight;
            }
        return (byte)Math.Clamp(Math.Round(sum / weights), 0, 255);
    }

    // Black and white noise overshoots both ways; clipped between the passes, the result would differ.
    [Theory]
    [InlineData(8, 19), InlineData(9, 9), InlineData(40, 7), InlineData(16, 11), InlineData(5, 1)]
    public void Pictures_are_resized_by_Keys_cubic_antialiased_and_not_clipped_between_the_passes(int side, int size)
    {
        var random = new Random(1);
        var picture = Enumerable.Range(0, side * side).Select(_ => (byte)(255 * random.Next(2))).ToArray();
        var resized = Resize.ToSquare(new Pixels(new PictureShape(1, side, side), picture), size).Values;
        for (var i = 0; i < resized.Length; i++) Assert.InRange(resized[i] - Reference(picture, side, size, i / size, i % size), -1, 1);   // halves may round either way
        Assert.InRange(Enumerable.Range(0, resized.Length).Count(i => resized[i] != Reference(picture, side, size, i / size, i % size)), 0, resized.Length / 50);
    }
}
