using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using TorchSharp;

namespace Manifold.Engine;

/// <summary>What this computer is and has free, as far as it matters to training. Needs no libtorch unless it says so.</summary>
public static class Machine
{
    /// <summary>The system's own name for itself, such as "Debian GNU/Linux 12 (bookworm)".</summary>
    public static string System => Field("/etc/os-release", "PRETTY_NAME", '=')?.Trim('"') ?? RuntimeInformation.OSDescription;

    /// <summary>The processor's name, as it tells it.</summary>
    public static string Cpu => Field("/proc/cpuinfo", "model name", ':') ?? "unknown";

    /// <summary>The widest vector instructions that the processor has and libtorch can use.</summary>
    public static string Vectors => Avx512F.IsSupported ? "AVX512" : Avx2.IsSupported ? "AVX2" : "none";

    /// <summary>Bytes of memory that a new process could take: what is free here, within the container's limit.</summary>
    public static long FreeMemory
    {
        get
        {
            var limit = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
            return Field("/proc/meminfo", "MemAvailable", ':')?.Split(' ')[0] is { } kib ? Math.Min(limit, 1024 * long.Parse(kib)) : limit;
        }
    }

    /// <summary>Bytes free where the folder lies, or would lie; null if that cannot be told.</summary>
    public static long? FreeDisk(string folder)
    {
        for (var at = Path.GetFullPath(folder); at is not null; at = Path.GetDirectoryName(at))
            if (Directory.Exists(at))
                try
                {
                    return new DriveInfo(at).AvailableFreeSpace;
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    return null;
                }
        return null;
    }

    /// <summary>The kernels that the loaded libtorch chose: DEFAULT, AVX2 or AVX512. ATEN_CPU_CAPABILITY sets it.</summary>
    public static unsafe string? CpuCapability
    {
        get
        {
            if (Export("_ZN2at18get_cpu_capabilityB5cxx11Ev") is not { } function) return null;
            // A std::string returned by value: the caller gives its 32 bytes, of which the first is the address of the letters.
            // The names are short enough to lie inside these bytes, so there is nothing to free.
            var text = stackalloc byte[32];
            ((delegate* unmanaged<byte*, byte*>)function)(text);
            return Marshal.PtrToStringUTF8(*(nint*)text, *(int*)(text + 8));
        }
    }

    /// <summary>The version of the loaded libtorch, such as 2.10.0, as the library tells it.</summary>
    public static unsafe string? LibTorchVersion
    {
        get
        {
            if (Export("aoti_torch_abi_version") is not { } function) return null;
            var version = ((delegate* unmanaged<ulong>)function)();      // one byte each, the major version highest
            return $"{version >> 56}.{version >> 48 & 255}.{version >> 40 & 255}";
        }
    }

    /// <summary>Threads of one operation of libtorch.</summary>
    public static int Threads => torch.get_num_threads();

    /// <exception cref="ArgumentOutOfRangeException">There is less than one.</exception>
    public static void SetThreads(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        torch.set_num_threads(threads);
        asked = threads;
    }

    /// <summary>Threads that decode pictures: as many as were asked for, and no more than there are processors. Needs no libtorch.</summary>
    public static int DecodingThreads => Math.Min(asked ?? int.MaxValue, Environment.ProcessorCount);

    private static int? asked;

    /// <summary>Bytes of this process that are in memory now.</summary>
    public static long ResidentBytes => Environment.WorkingSet;

    /// <summary>float32 matrix products at their best here, GFLOP/s: the fastest of nine of 1,024 x 1,024 x 1,024, measured once a process. Needs libtorch.</summary>
    public static double MatrixPeak => matrixPeak ??= MeasureMatrixPeak();

    private static double? matrixPeak;

    private static double MeasureMatrixPeak()
    {
        const int n = 1024;
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        torch.Tensor a = torch.ones(n, n), b = torch.ones(n, n);
        var best = double.MaxValue;
        for (var i = 0; i < 10; i++)   // the first warms up
        {
            var clock = Stopwatch.StartNew();
            a.mm(b).Dispose();
            if (i > 0) best = Math.Min(best, clock.Elapsed.TotalSeconds);
        }
        return 2.0 * n * n * n / best / 1e9;
    }

    private static nint? Export(string symbol) =>
        NativeLibrary.TryGetExport(NativeLibrary.Load(Path.Combine(Native.Load().LibTorch, "libtorch_cpu.so")), symbol, out var address) ? address : null;

    private static string? Field(string file, string name, char separator)
    {
        try
        {
            return File.ReadLines(file).Select(line => line.Split(separator, 2)).FirstOrDefault(pair => pair.Length == 2 && pair[0].Trim() == name)?[1].Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
