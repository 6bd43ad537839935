using System.Reflection;
using System.Runtime.InteropServices;

namespace Manifold.Engine;

/// <summary>Where the native libraries were found.</summary>
/// <param name="LibTorch">The folder of libtorch_cpu.so.</param>
/// <param name="Origin">Which place of the search it was: the environment variable, the application, or the NuGet cache.</param>
/// <param name="Bridge">The LibTorchSharp library that is loaded; a mended copy on systems with an older libstdc++.</param>
public sealed record NativeLibraries(string LibTorch, string Origin, string Bridge);

/// <summary>Finds libtorch, makes TorchSharp's bridge loadable, and loads both. Must run before any TorchSharp type is touched.</summary>
public static class Native
{
    /// <summary>Names a folder that holds libtorch, such as the torch/lib of a Python installation. CPU or CUDA.</summary>
    public const string FolderVariable = "MANIFOLD_LIBTORCH";

    private const string BridgeVersion = "0.107.0", BridgeFile = "libLibTorchSharp.so";

    // The bridge was built with GCC 13's libstdc++ or newer, for one function that nothing in it calls. Debian 12, Ubuntu 22.04
    // and RHEL 9 lack this version; asked for weakly, they load it.
    private const string NewerThanSupported = "GLIBCXX_3.4.32";

    private static readonly Lock gate = new();
    private static NativeLibraries? loaded;

    /// <summary>Loads libtorch and the bridge once; later calls return what the first found.</summary>
    /// <exception cref="DllNotFoundException">Nothing could be loaded; the message says what was looked for, where, and how to get it.</exception>
    public static NativeLibraries Load()
    {
        lock (gate) return loaded ??= LoadFrom(Find());
    }

    /// <summary>Says where the libraries are without loading anything.</summary>
    /// <exception cref="DllNotFoundException">There is none in any of the places.</exception>
    public static NativeLibraries Find()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
            throw new DllNotFoundException(
                $"This system is {RuntimeInformation.OSDescription} on {RuntimeInformation.ProcessArchitecture}; Manifold runs on Linux x64. On Windows, WSL 2 is one.");

        var app = Path.Combine(AppContext.BaseDirectory, "native");
        var libtorch = FindLibTorch(app);
        var bridge = FirstExisting([Path.Combine(app, BridgeFile), .. NuGet($"torchsharp/{BridgeVersion}", BridgeFile)])
            ?? throw new DllNotFoundException($"Found libtorch in {libtorch.Folder}, but no {BridgeFile} in {app} or {NuGetCache}. {HowToGet}");
        return new NativeLibraries(libtorch.Folder, libtorch.Origin, bridge);
    }

    /// <summary>Symbols that the bridge needs of libtorch and that these libraries lack. Empty when they fit.</summary>
    /// <remarks>Reads the files' symbol tables. A bridge with a missing symbol may load and then end the process at the first call.</remarks>
    public static IReadOnlyList<string> MissingSymbols(NativeLibraries found)
    {
        HashSet<string> needed;
        using (var bridge = new ElfFile(found.Bridge)) needed = [.. bridge.Needed().Where(IsTorch)];
        foreach (var name in new[] { "libtorch_cpu.so", "libc10.so", "libtorch.so" })
        {
            var path = Path.Combine(found.LibTorch, name);
            if (!File.Exists(path)) continue;
            using var library = new ElfFile(path);
            needed.ExceptWith(library.Defined());
        }
        return [.. needed.Order(StringComparer.Ordinal)];
    }

    // What the bridge takes from libc and libstdc++ is not libtorch's to give. C++ names of libtorch carry one of its namespaces.
    private static bool IsTorch(string symbol) =>
        symbol.StartsWith("_Z", StringComparison.Ordinal)
        && (symbol.Contains("2at") || symbol.Contains("3c10") || symbol.Contains("5torch") || symbol.Contains("6caffe2"))
        && !symbol.StartsWith("_ZTH", StringComparison.Ordinal);   // a thread-local's initialiser: optional by the C++ ABI

    private static NativeLibraries LoadFrom(NativeLibraries found)
    {
        // A foreign libtorch of another version can pass dlopen and end the process later: its symbols are looked at first.
        if (found.Origin == FolderVariable && MissingSymbols(found) is { Count: > 0 } missing)
            throw new DllNotFoundException(
                $"The libtorch in {found.LibTorch} lacks {missing.Count} of the symbols that TorchSharp {BridgeVersion} needs (first: {missing[0]}). It needs libtorch 2.10; `manifold doctor` lists them all.");

        try
        {
            foreach (var name in new[] { "libtorch_cpu.so", "libtorch_cuda.so", "libtorch.so" })
                if (Path.Combine(found.LibTorch, name) is var path && File.Exists(path)) NativeLibrary.Load(path);

            if (!NativeLibrary.TryLoad(found.Bridge, out var bridge))
            {
                found = found with { Bridge = Mended(found.Bridge) };
                bridge = NativeLibrary.Load(found.Bridge);
            }
            NativeLibrary.SetDllImportResolver(typeof(TorchSharp.torch).Assembly, (name, _, _) => name == "LibTorchSharp" ? bridge : 0);
            return found;
        }
        catch (DllNotFoundException e)
        {
            throw new DllNotFoundException($"libtorch was found in {found.LibTorch} ({found.Origin}) but does not load: {e.Message}", e);
        }
    }

    private static string Mended(string bridge)
    {
        var cache = CacheFolder("native");
        var copy = Path.Combine(cache, $"{BridgeVersion}-{BridgeFile}");
        if (File.Exists(copy) && new FileInfo(copy).Length == new FileInfo(bridge).Length) return copy;
        return ElfFile.CopyWithWeakVersion(bridge, copy, NewerThanSupported) ? copy : bridge;
    }

    private static (string Folder, string Origin) FindLibTorch(string app)
    {
        const string library = "libtorch_cpu.so";
        if (Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } named)
            return File.Exists(Path.Combine(named, library))
                ? (Path.GetFullPath(named), FolderVariable)
                : throw new DllNotFoundException($"{FolderVariable} is {named}, which holds no {library}; it needs a folder such as the torch/lib of a Python installation. Unset it to use the NuGet package.");

        if (File.Exists(Path.Combine(app, library))) return (app, "application");

        var package = NuGet("libtorch-cpu-linux-x64", library).FirstOrDefault(File.Exists);
        return package is not null
            ? (Path.GetDirectoryName(package)!, "NuGet cache")
            : throw new DllNotFoundException($"No {library} in ${FolderVariable} (not set), in {app}, or in {NuGetCache}/libtorch-cpu-linux-x64. {HowToGet}");
    }

    private const string HowToGet = "`dotnet restore` in the clone fetches it; or name the torch/lib folder of a Python PyTorch 2.10 in " + FolderVariable + ".";

    private static string NuGetCache =>
        Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } cache ? cache
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    // <package>/[<version>/]runtimes/linux-x64/native/<file>, newest version first.
    private static IEnumerable<string> NuGet(string package, string file)
    {
        var folder = Path.Combine(NuGetCache, package);
        if (!Directory.Exists(folder)) return [];
        var versions = Directory.Exists(Path.Combine(folder, "runtimes")) ? [folder] : Directory.GetDirectories(folder).OrderDescending(StringComparer.Ordinal).ToArray();
        return versions.Select(version => Path.Combine(version, "runtimes", "linux-x64", "native", file));
    }

    private static string? FirstExisting(IEnumerable<string> paths) => paths.FirstOrDefault(File.Exists);

    /// <summary>A folder of Manifold's in the user's cache; in the temporary folder where the home is missing or read-only.</summary>
    public static string CacheFolder(string name)
    {
        var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg ? xdg
            : Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home ? Path.Combine(home, ".cache") : Path.GetTempPath();
        try
        {
            return Directory.CreateDirectory(Path.Combine(cache, "manifold", name)).FullName;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"manifold-{Environment.UserName}", name)).FullName;
        }
    }
}
