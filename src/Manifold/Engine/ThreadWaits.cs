using System.Runtime.InteropServices;

namespace Manifold.Engine;

/// <summary>How libtorch's threads wait for each other at the end of an operation.</summary>
/// <remarks>
/// GNU's OpenMP spins for milliseconds before it sleeps. With a core to itself each thread is right to do so; where another
/// program has one of the cores, the others spin away the time that the last one needs, and training is tens of times slower.
/// Measured in docs/decisions/0004-threads-that-wait.md.
/// </remarks>
internal static partial class ThreadWaits
{
    private const string Spins = "GOMP_SPINCOUNT", Policy = "OMP_WAIT_POLICY";

    /// <summary>Makes the wait short, unless the user has said how long it is to be. To be called before libgomp is loaded, which reads it then.</summary>
    public static void BeShort()
    {
        // The system's own environment: .NET's is a copy of it, which native code does not see.
        if (Environment.GetEnvironmentVariable(Spins) is null && Environment.GetEnvironmentVariable(Policy) is null) _ = SetEnvironment(Spins, "1000", 0);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
