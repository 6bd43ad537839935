using System.Globalization;

namespace Manifold.Tests;

/// <summary>The most memory that the process came to hold since this was made, over what it held then. Linux keeps the mark, and lets it be reset.</summary>
internal sealed class PeakMemory
{
    private readonly long start;

    public PeakMemory()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);       // gives back what is free, or what is taken again would not be seen
        File.WriteAllText("/proc/self/clear_refs", "5");        // https://docs.kernel.org/filesystems/proc.html: the peak becomes what is held now
        start = Bytes("VmHWM:");
    }

    public long Growth => Bytes("VmHWM:") - start;

    private static long Bytes(string field) =>
        1024 * long.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith(field, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2].Trim(), CultureInfo.InvariantCulture);
}
