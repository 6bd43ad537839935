using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Pictures;

/// <summary>Densities of the plane side by side, in one scale of colour: the logarithm, for a tenth of a percent of the peak is what a model spreads where there is no data.</summary>
public static class DensityMap
{
    /// <summary>Powers of ten from white to the darkest.</summary>
    public const int Decades = 3;

    /// <summary>Panels in a row.</summary>
    public const int Columns = 4;

    private static readonly float[,] inks = { { 1, 1, 1 }, { 0.99f, 0.84f, 0.55f }, { 0.89f, 0.38f, 0.20f }, { 0.50f, 0.07f, 0.31f }, { 0.07f, 0.02f, 0.12f } };   // evenly over the scale

    /// <param name="densities">[H, W] each, the top row first.</param>
    /// <param name="peak">What is darkest; a thousandth of it and less is white.</param>
    public static Picture Of(IReadOnlyList<Tensor> densities, double peak)
    {
        SettingChecks.NeedPositive(peak, nameof(peak));
        using var scope = NewDisposeScope();
        var last = inks.GetLength(0) - 1;
        var ink = (1 + (stack(densities).to_type(ScalarType.Float32) / peak).clamp_min(1e-30).log10() / Decades).clamp(0, 1) * last;   // [N, H, W], which ink
        var below = ink.floor().clamp_max(last - 1);
        var (colours, which) = (tensor(inks), below.to_type(ScalarType.Int64));
        Tensor Colour(Tensor index) => colours.index_select(0, index.flatten()).view([.. index.shape, 3]);   // [N, H, W, 3]
        var (from, to) = (Colour(which), Colour(which + 1));
        return Grid.Of((from + (ink - below).unsqueeze(-1) * (to - from)).permute(0, 3, 1, 2), Math.Min(Columns, densities.Count), gap: 4, scale: 1);
    }
}
