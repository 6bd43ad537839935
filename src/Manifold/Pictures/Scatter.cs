using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Pictures;

/// <summary>Points of the plane as a picture: the darker, the more of them.</summary>
public static class Scatter
{
    private const int Size = 320;                                             // pixels on a side
    private static readonly (double R, double G, double B)[] inks = [(0.55, 0.58, 0.62), (0.78, 0.25, 0.10)];   // the data, the model

    /// <summary>Draws clouds over one another, data first; a second cloud is the model's.</summary>
    /// <param name="reach">What of the plane is shown: from -reach to reach each way. Points outside are drawn at the edge, so that none is lost from sight.</param>
    /// <param name="clouds">[N, 2, 1, 1] or [N, 2] each.</param>
    /// <exception cref="ArgumentException">A cloud is not of points.</exception>
    public static Picture Of(double reach, params Tensor[] clouds)
    {
        SettingChecks.NeedPositive(reach, nameof(reach));
        var page = new double[Size * Size * 3];
        Array.Fill(page, 1.0);
        for (var i = 0; i < clouds.Length; i++) Draw(page, clouds[i], reach, inks[clouds.Length == 1 ? 1 : i % inks.Length]);
        return new Picture(Size, Size, 3, [.. page.Select(value => (byte)Math.Round(255 * value))]);
    }

    /// <summary>A square about the origin that all but the farthest thousandth of the points lie in, with room at its edge.</summary>
    public static double Reach(Tensor points)
    {
        using var scope = NewDisposeScope();
        return Math.Max(1e-6, 1.15 * points.detach().cpu().to_type(ScalarType.Float32).flatten(1).abs().amax(dims: [1]).quantile(tensor(0.999f)).item<float>());
    }

    // Each point takes a share of the paper's light where it falls, so that a crowd goes dark and a single point is still seen.
    private static void Draw(double[] page, Tensor cloud, double reach, (double R, double G, double B) ink)
    {
        using var scope = NewDisposeScope();
        var flat = cloud.flatten(1).ExpectShape([-1, 2]).detach().cpu().to_type(ScalarType.Float32).contiguous();
        var xy = flat.data<float>().ToArray();
        var strength = Math.Clamp(600.0 / (xy.Length / 2), 0.06, 0.6);
        for (var i = 0; i < xy.Length; i += 2)
        {
            if (!float.IsFinite(xy[i]) || !float.IsFinite(xy[i + 1])) continue;
            var (column, row) = (Place(xy[i]), Place(-xy[i + 1]));
            for (var dy = -1; dy <= 1; dy++)
                for (var dx = -1; dx <= 1; dx++)
                {
                    var (y, x) = (row + dy, column + dx);
                    if (y is < 0 or >= Size || x is < 0 or >= Size) continue;
                    var at = (y * Size + x) * 3;
                    var weight = dx == 0 && dy == 0 ? strength : strength * 0.35;
                    page[at] += weight * (ink.R - page[at]);
                    page[at + 1] += weight * (ink.G - page[at + 1]);
                    page[at + 2] += weight * (ink.B - page[at + 2]);
                }
        }

        int Place(double value) => (int)Math.Clamp((value / reach + 1) / 2 * (Size - 1), 0, Size - 1);
    }
}

/// <summary>Examples on one page: pictures side by side, points in one plane.</summary>
public static class Sheet
{
    /// <param name="examples">[N, C, H, W]: pictures in [0, 1], or points.</param>
    /// <param name="columns">Pictures in a row; of no meaning for points.</param>
    public static Picture Of(Tensor examples, int columns) => examples.shape is [_, 2, 1, 1] ? Scatter.Of(Scatter.Reach(examples), examples) : Grid.Of(examples, columns);
}
