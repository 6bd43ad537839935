using System.Xml.Linq;
using Manifold.Pictures;

namespace Manifold.Tests.Pictures;

public class LinePlotTests
{
    // Equal ratios are equal distances; the first and last x lie on the frame's edges, the decades on the y axis.
    [Fact]
    public void Logarithmic_axes_turn_ratios_into_distances()
    {
        var svg = XDocument.Parse(LinePlot.LogLog("a < b", "x", "y", [new Series("steps", [(1, 1), (10, 10), (100, 1000)])]));
        XNamespace ns = "http://www.w3.org/2000/svg";
        var points = svg.Descendants(ns + "polyline").Single().Attribute("points")!.Value.Split(' ').Select(p => p.Split(',').Select(v => double.Parse(v, System.Globalization.CultureInfo.InvariantCulture)).ToArray()).ToList();
        Assert.Equal(points[1][0] - points[0][0], points[2][0] - points[1][0], 0.11);
        Assert.Equal(2 * (points[0][1] - points[1][1]), points[1][1] - points[2][1], 0.21);
        Assert.True(points[2][1] < points[0][1]);                                                // up is more
        Assert.Equal(["1e0", "1e1", "1e2", "1e3"], svg.Descendants(ns + "text").Select(text => text.Value).Where(text => text.StartsWith("1e", StringComparison.Ordinal)));
        Assert.Contains("a < b", svg.Descendants(ns + "text").Select(text => text.Value));
    }

    [Fact]
    public void What_has_no_logarithm_is_refused()
    {
        Assert.StartsWith("series has the point (1, 0)", Assert.Throws<ArgumentException>(() => LinePlot.LogLog("", "", "", [new Series("a", [(1, 0)])])).Message);
        Assert.StartsWith("series has no points", Assert.Throws<ArgumentException>(() => LinePlot.LogLog("", "", "", [])).Message);
    }
}
