using System.Runtime.InteropServices;
using Manifold.Engine;

namespace Manifold.Evaluation;

/// <summary>What a process that runs a TorchScript file lets go of before it does.</summary>
/// <remarks>
/// Limits of the process (setrlimit): no file grows, no core is dumped, memory is three quarters of the machine's. And where the kernel has
/// Landlock (Linux 5.13), files can be opened for reading alone, by the thread that runs the script and those that come from it.
/// A script can still read what the user can, and compute for as long as it is let.
/// </remarks>
internal static partial class ScriptLimits
{
    private const int Data = 2, FileSize = 1, Core = 4;                        // of <sys/resource.h>
    private const int NoNewPrivileges = 38;                                    // of <sys/prctl.h>
    private const long CreateRuleset = 444, RestrictSelf = 446;                // system calls of Landlock
    private const ulong CreateRulesetVersion = 1;

    // https://docs.kernel.org/userspace-api/landlock.html: execute, write, remove, make of all kinds; then by version refer, truncate, ioctl.
    private const ulong Execute = 1, Write = 1 << 1, ReadFile = 1 << 2, ReadFolder = 1 << 3, Refer = 1 << 13, Truncate = 1 << 14, Ioctl = 1 << 15;

    /// <summary>Whether the kernel can keep a process from writing files.</summary>
    public static bool HasLandlock => LandlockVersion >= 1;

    private static long LandlockVersion => SystemCall(CreateRuleset, 0, 0, CreateRulesetVersion);

    public static void Apply()
    {
        var memory = (ulong)(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * 0.75);
        Limit(FileSize, 0);
        Limit(Core, 0);
        Limit(Data, memory);
        MayBeEndedFirst();
        OnlyReads();
    }

    /// <summary>Ends this process when its parent has ended, however that was.</summary>
    public static void FollowParent(int parent)
    {
        var watch = new Thread(() =>
        {
            while (GetParent() == parent) Thread.Sleep(200);
            Environment.FailFast(null);
        })
        { IsBackground = true };
        watch.Start();
    }

    private static void Limit(int what, ulong value)
    {
        var limit = new ResourceLimit { Soft = value, Hard = value };
        if (SetLimit(what, in limit) != 0) throw new IOException($"A limit of the process cannot be set: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    // Where memory runs out, the kernel ends this process and not the one that waits for it.
    private static void MayBeEndedFirst()
    {
        try { File.WriteAllText("/proc/self/oom_score_adj", "1000"); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }

    private static void OnlyReads()
    {
        if (!HasLandlock) return;                                              // an older kernel, or one that was built without
        var version = LandlockVersion;
        var handled = Refer - 1 - ReadFile - ReadFolder | (version >= 2 ? Refer : 0) | (version >= 3 ? Truncate : 0) | (version >= 5 ? Ioctl : 0);
        unsafe
        {
            var attributes = new RulesetAttributes { Handled = handled };
            var ruleset = SystemCall(CreateRuleset, (nint)(&attributes), sizeof(ulong), 0);
            if (ruleset < 0 || Control(NoNewPrivileges, 1, 0, 0, 0) != 0 || SystemCall(RestrictSelf, (nint)ruleset, 0, 0) != 0)
                throw new IOException($"The process cannot be kept from writing files: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ResourceLimit
    {
        public ulong Soft, Hard;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct RulesetAttributes
    {
        public ulong Handled;
    }

    [LibraryImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    private static partial int SetLimit(int what, in ResourceLimit limit);

    [LibraryImport("libc", EntryPoint = "getppid")]
    private static partial int GetParent();

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int Control(int what, nuint a, nuint b, nuint c, nuint d);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long SystemCall(long number, nint a, nint b, ulong c);
}
