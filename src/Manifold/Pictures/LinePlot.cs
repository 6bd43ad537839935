using System.Globalization;
using System.Text;

namespace Manifold.Pictures;

/// <summary>A line of a plot.</summary>
/// <param name="Name">Written at its right end.</param>
public sealed record Series(string Name, IReadOnlyList<(double X, double Y)> Points);

/// <summary>Lines on logarithmic axes, as SVG.</summary>
public static class LinePlot
{
    private const int Width = 720, Height = 440, Left = 90, Right = 190, Top = 50, Bottom = 60;
    private static readonly string[] colours = ["#1b6ca8", "#c8553d", "#588157", "#7b2d8b", "#b08900"];

    /// <exception cref="ArgumentException">There are no points, or one is not above 0, where a logarithm begins.</exception>
    public static string LogLog(string title, string xLabel, string yLabel, IReadOnlyList<Series> series)
    {
        var points = series.SelectMany(line => line.Points).ToList();
        if (points.Count == 0) throw new ArgumentException("series has no points; a plot needs at least one.", nameof(series));
        if (points.FirstOrDefault(point => !(point.X > 0 && point.Y > 0 && double.IsFinite(point.X * point.Y)), (1, 1)) is var (badX, badY) && (badX, badY) != (1, 1))
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"series has the point ({badX}, {badY}); logarithmic axes need numbers above 0."), nameof(series));

        static double Log(double value) => Math.Log10(value);
        var (x0, x1) = (Log(points.Min(p => p.X)), Log(points.Max(p => p.X)));
        var (y0, y1) = (Math.Floor(Log(points.Min(p => p.Y))), Math.Ceiling(Log(points.Max(p => p.Y))));
        if (x1 == x0) (x0, x1) = (x0 - 0.5, x1 + 0.5);
        if (y1 == y0) (y0, y1) = (y0 - 1, y1 + 1);
        double X(double value) => Left + (Log(value) - x0) / (x1 - x0) * (Width - Left - Right);
        double Y(double value) => Height - Bottom - (Log(value) - y0) / (y1 - y0) * (Height - Top - Bottom);

        var svg = new StringBuilder();
        void Add(FormattableString line) => svg.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
        static string Escaped(string text) => text.Replace("&", "&amp;").Replace("<", "&lt;");
        Add($"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" font-family=\"sans-serif\" font-size=\"13\">");
        Add($"<rect width=\"{Width}\" height=\"{Height}\" fill=\"white\"/>");
        Add($"<text x=\"{Left}\" y=\"26\" font-size=\"16\">{Escaped(title)}</text>");
        foreach (var tick in points.Select(p => p.X).Distinct().Order())
        {
            Add($"<line x1=\"{X(tick):F1}\" y1=\"{Top}\" x2=\"{X(tick):F1}\" y2=\"{Height - Bottom}\" stroke=\"#eee\"/>");
            Add($"<text x=\"{X(tick):F1}\" y=\"{Height - Bottom + 20}\" text-anchor=\"middle\">{tick}</text>");
        }
        for (var decade = y0; decade <= y1; decade++)
        {
            var y = Y(Math.Pow(10, decade));
            Add($"<line x1=\"{Left}\" y1=\"{y:F1}\" x2=\"{Width - Right}\" y2=\"{y:F1}\" stroke=\"#ddd\"/>");
            Add($"<text x=\"{Left - 8}\" y=\"{y + 4:F1}\" text-anchor=\"end\">1e{decade}</text>");
        }
        Add($"<text x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 16}\" text-anchor=\"middle\">{Escaped(xLabel)}</text>");
        Add($"<text x=\"20\" y=\"{(Top + Height - Bottom) / 2}\" text-anchor=\"middle\" transform=\"rotate(-90 20 {(Top + Height - Bottom) / 2})\">{Escaped(yLabel)}</text>");
        for (var i = 0; i < series.Count; i++)
        {
            var colour = colours[i % colours.Length];
            Add($"<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{string.Join(" ", series[i].Points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{X(p.X):F1},{Y(p.Y):F1}")))}\"/>");
            foreach (var (x, y) in series[i].Points) Add($"<circle cx=\"{X(x):F1}\" cy=\"{Y(y):F1}\" r=\"3\" fill=\"{colour}\"/>");
            if (series[i].Points.Count > 0) Add($"<text x=\"{Width - Right + 10}\" y=\"{Y(series[i].Points[^1].Y) + 4:F1}\" fill=\"{colour}\">{Escaped(series[i].Name)}</text>");
        }
        return svg.Append("</svg>\n").ToString();
    }
}
