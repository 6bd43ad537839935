using System.Diagnostics;
using System.Globalization;

namespace Manifold.Bench;

/// <summary>How much others were in the way: the share of a time in which some thread of the machine waited for a processor.</summary>
/// <remarks>Linux's pressure stall information, https://docs.kernel.org/accounting/psi.html; 0 where the kernel keeps none.</remarks>
internal sealed class Contention
{
    private const string Source = "/proc/pressure/cpu";
    private readonly long start = Stopwatch.GetTimestamp();
    private readonly double stalled = StalledSeconds();

    /// <summary>Since this was made.</summary>
    public double Share => (StalledSeconds() - stalled) / Stopwatch.GetElapsedTime(start).TotalSeconds;

    private static double StalledSeconds()
    {
        if (!File.Exists(Source)) return 0;
        var some = File.ReadLines(Source).First();   // some avg10=0.00 avg60=0.00 avg300=0.00 total=<microseconds>
        return double.Parse(some[(some.LastIndexOf('=') + 1)..], CultureInfo.InvariantCulture) / 1e6;
    }
}
