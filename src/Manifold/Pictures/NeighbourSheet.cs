using Manifold.Evaluation;
using static TorchSharp.torch;

namespace Manifold.Pictures;

/// <summary>Draws samples beside their nearest pictures: on the left by pixels, on the right by features; a wider gap parts the suspects from the others.</summary>
public static class NeighbourSheet
{
    /// <summary>What a reader must know to read it.</summary>
    public const string Legend = "in a row a sample, its five nearest training pictures, its nearest held-out one; on the left by pixels, on the right by features; the most suspicious first, and some others below";

    /// <exception cref="ArgumentException">The pictures have neither one channel nor three.</exception>
    public static Picture Of(NeighbourRows rows)
    {
        using var scope = NewDisposeScope();
        var pictures = rows.Pictures;                                                                           // [R, 14, C, H, W]
        var (channels, height, size) = (pictures.shape[2], pictures.shape[3], pictures.shape[4]);
        var gap = Math.Max(1, size / 14);
        var ground = Math.Round(0.5 * 255) / 255;
        var lines = new List<Tensor>();
        for (var r = 0; r < pictures.shape[0]; r++)
        {
            var parts = new List<Tensor>();
            for (var i = 0; i < pictures.shape[1]; i++)
            {
                var column = i % NeighbourRows.Columns;
                if (i > 0) parts.Add(full([channels, height, column == 0 ? 6 * gap : column is 1 or NeighbourRows.Near + 1 ? 3 * gap : gap], ground));
                parts.Add(pictures[r, i]);
            }
            lines.Add(cat(parts, 2));                                                                           // [C, H, width of all]
            if (r + 1 < pictures.shape[0]) lines.Add(full([channels, r + 1 == rows.Suspects ? 6 * gap : gap, lines[^1].shape[2]], ground));
        }
        return Grid.Of(cat(lines, 1).unsqueeze(0), columns: 1, gap: (int)gap, scale: (int)Math.Max(1, 96 / Math.Max(height, size)));   // larger than in a grid: it is to be looked into
    }
}
