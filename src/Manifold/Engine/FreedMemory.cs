using System.Runtime.InteropServices;

namespace Manifold.Engine;

/// <summary>What becomes of the memory of a tensor that is let go.</summary>
/// <remarks>
/// The C library gives large blocks back to the system at once and asks for them again at the next operation; the system then clears
/// every page anew. The maps of a convolutional step are megabytes each, and a fifth to a quarter of its time went there. Kept, they are
/// used again as they are. Measured in docs/decisions/0006-memory-that-is-kept.md.
/// </remarks>
internal static partial class FreedMemory
{
    private const int TrimThreshold = -1, TopPad = -2, MmapThreshold = -3;          // M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD

    /// <summary>Keeps freed blocks of up to a gigabyte in the process, unless the user has said how the C library is to deal with memory.</summary>
    public static void IsKept()
    {
        if (Environment.GetEnvironmentVariables().Keys.Cast<string>().Any(name => name.StartsWith("MALLOC_", StringComparison.Ordinal) || name == "GLIBC_TUNABLES")) return;
        _ = Option(MmapThreshold, 1 << 30);
        _ = Option(TrimThreshold, int.MaxValue);
        _ = Option(TopPad, 64 << 20);
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int Option(int parameter, int value);
}
