using System.Runtime.InteropServices;
using System.Text.Json.Serialization;
using TorchSharp;

namespace Manifold.Engine;

/// <summary>The facts that decide whether training works here. Making one never throws: what fails becomes a problem.</summary>
public sealed record Diagnosis
{
    public required string System { get; init; }
    public required string Runtime { get; init; }
    public required string Cpu { get; init; }

    /// <summary>The widest vector instructions of the processor.</summary>
    public required string Vectors { get; init; }

    public required int Cores { get; init; }

    /// <summary>Threads that libtorch uses for one operation; null if it did not load.</summary>
    public int? Threads { get; init; }

    /// <summary>The kernels that libtorch chose; it can be less than the processor has.</summary>
    public string? CpuCapability { get; init; }

    /// <summary>The folder of libtorch, and which place of the search it was.</summary>
    [JsonPropertyName("libtorch")] public string? LibTorch { get; init; }
    public string? Origin { get; init; }
    [JsonPropertyName("libtorch_version")] public string? LibTorchVersion { get; init; }

    /// <summary>The TorchSharp library that was loaded, or would be.</summary>
    public string? Bridge { get; init; }

    /// <summary>Whether a copy of it was loaded that is patched for an older libstdc++.</summary>
    public bool BridgeIsPatched { get; init; }

    /// <summary>What the bridge needs and libtorch lacks; null if this could not be read.</summary>
    public IReadOnlyList<string>? MissingSymbols { get; init; }

    /// <summary>Number of CUDA devices that libtorch can use; null if it did not load.</summary>
    public int? CudaDevices { get; init; }

    /// <summary>Folders in which data sets are looked for, and the names found there.</summary>
    public required IReadOnlyList<DataFolder> Data { get; init; }

    /// <summary>Bytes.</summary>
    public required long FreeMemory { get; init; }

    /// <summary>Bytes, where the current folder lies.</summary>
    public long? FreeDisk { get; init; }

    /// <summary>Why training could not work here, a sentence each.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    [JsonIgnore] public bool CanTrain => Problems.Count == 0;

    /// <summary>Looks, loads libtorch if it fits, and takes one step of gradient descent on each kind of device.</summary>
    public static Diagnosis Make()
    {
        var problems = new List<string>();
        var found = Try(Native.Find, problems);
        var missing = found is null ? null : Try(() => Native.MissingSymbols(found), []);     // what cannot be read, Load says
        if (found is not null) found = Try(Native.Load, problems) ?? found;
        var works = problems.Count == 0;
        if (works) Try(Step, problems);

        return new Diagnosis
        {
            System = Machine.System,
            Runtime = RuntimeInformation.FrameworkDescription,
            Cpu = Machine.Cpu,
            Vectors = Machine.Vectors,
            Cores = Environment.ProcessorCount,
            Threads = works ? Torch.Threads() : null,
            CpuCapability = works ? Machine.CpuCapability : null,
            LibTorch = found?.LibTorch,
            Origin = found?.Origin,
            LibTorchVersion = works ? Machine.LibTorchVersion : found is null ? null : NativeSearch.DeclaredVersion(found.LibTorch),
            Bridge = found?.Bridge,
            BridgeIsPatched = found?.BridgeIsPatched ?? false,
            MissingSymbols = missing,
            CudaDevices = works ? Torch.CudaDevices() : null,
            Data = [.. DataFolder.All()],
            FreeMemory = Machine.FreeMemory,
            FreeDisk = Machine.FreeDisk("."),
            Problems = problems,
        };
    }

    private static string Step()
    {
        Torch.Step(DeviceType.CPU);
        if (Torch.CudaDevices() > 0) Torch.Step(DeviceType.CUDA);
        return "";
    }

    private static T? Try<T>(Func<T> look, List<string> problems) where T : class
    {
        try
        {
            return look();
        }
        catch (Exception e)
        {
            problems.Add(e.Message);
            return null;
        }
    }

    // Apart, because a method that mentions a TorchSharp type may touch it before libtorch is loaded.
    private static class Torch
    {
        public static int Threads() => torch.get_num_threads();

        public static int CudaDevices() => torch.cuda.is_available() ? torch.cuda.device_count() : 0;

        // d/dx of x^2 at 3 is 6, and a step of 0.5 leads to the minimum.
        public static void Step(DeviceType device)
        {
            using var scope = torch.NewDisposeScope();
            var x = torch.full(1, 3.0, device: new torch.Device(device), requires_grad: true);
            (x * x).sum().backward();
            var after = (x.detach() - 0.5 * x.grad!).cpu().ToDouble();
            if (after != 0) throw new InvalidOperationException($"A step of gradient descent on {device} led to {after}; expected 0.");
        }
    }
}
