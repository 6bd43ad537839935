using System.Runtime.InteropServices;

namespace Manifold.Engine;

/// <summary>Where the native libraries were found.</summary>
/// <param name="LibTorch">The folder of libtorch_cpu.so.</param>
/// <param name="Origin">Which place of the search it was: the environment variable, the application, or the NuGet cache.</param>
/// <param name="Bridge">TorchSharp's library, libLibTorchSharp.so.</param>
public sealed record NativeLibraries(string LibTorch, string Origin, string Bridge)
{
    /// <summary>Whether a patched copy of the bridge was loaded, as systems with an older libstdc++ need it.</summary>
    public bool BridgeIsPatched { get; init; }
}

/// <summary>Finds libtorch, makes TorchSharp's bridge loadable, and loads both. Must run before any TorchSharp type is touched.</summary>
public static class Native
{
    /// <summary>Names a folder that holds libtorch, such as the torch/lib of a Python installation. CPU or CUDA.</summary>
    public const string FolderVariable = "MANIFOLD_LIBTORCH";

    /// <summary>The TorchSharp whose bridge is loaded.</summary>
    public const string BridgeVersion = "0.107.0";

    /// <summary>The libtorch that this TorchSharp was built against; Directory.Build.props has the same number.</summary>
    public const string LibTorchVersion = "2.10.0";

    // Each before those that need it: what is already loaded is not looked for again, so that no LD_LIBRARY_PATH mixes two libtorches.
    private static readonly string[] loadOrder = ["libc10.so", "libtorch_cpu.so", "libc10_cuda.so", "libtorch_cuda.so", "libtorch.so"];

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
    public static NativeLibraries Find() => NativeSearch.Find();

    /// <summary>Symbols that the bridge needs of libtorch and that these libraries lack, in order. Empty when they fit.</summary>
    /// <remarks>Reads the files' symbol tables. A bridge with a missing symbol may load and then end the process at the first call.</remarks>
    /// <exception cref="InvalidDataException">One of the files is not a library.</exception>
    public static IReadOnlyList<string> MissingSymbols(NativeLibraries found)
    {
        HashSet<string> needed;
        using (var bridge = new ElfFile(found.Bridge)) needed = [.. bridge.Needed()];
        foreach (var name in NativeSearch.LibTorchFiles)
        {
            using var library = new ElfFile(Path.Combine(found.LibTorch, name));
            needed.ExceptWith(library.Defined());
        }
        return [.. needed.Order(StringComparer.Ordinal)];
    }

    /// <summary>A folder of Manifold's in the user's cache; in the temporary folder where the home is missing or read-only.</summary>
    public static string CacheFolder(string name) => UserCache.Folder(name);

    private static NativeLibraries LoadFrom(NativeLibraries found)
    {
        Refuse(found);
        ThreadWaits.BeShort();
        FreedMemory.IsKept();
        try
        {
            foreach (var name in loadOrder)
                if (Path.Combine(found.LibTorch, name) is var path && File.Exists(path)) NativeLibrary.Load(path);

            var (bridge, isPatched) = NativeBridge.Open(found.Bridge);
            NativeLibrary.SetDllImportResolver(typeof(TorchSharp.torch).Assembly, (name, _, _) => name == "LibTorchSharp" ? bridge : 0);
            return found with { BridgeIsPatched = isPatched };
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new DllNotFoundException($"libtorch was found in {found.LibTorch} ({found.Origin}) but does not load: {Reason(e)}.", e);
        }
    }

    // A libtorch of another version can pass dlopen and end the process later: its symbols are looked at first.
    private static void Refuse(NativeLibraries found)
    {
        IReadOnlyList<string> missing;
        try
        {
            missing = MissingSymbols(found);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new DllNotFoundException($"libtorch was found in {found.LibTorch} ({found.Origin}) but cannot be used: {e.Message.TrimEnd('.')}; {NativeSearch.HowToGet}.", e);
        }
        if (missing.Count == 0) return;
        var version = NativeSearch.DeclaredVersion(found.LibTorch) is { } v ? $" {v}" : "";
        throw new DllNotFoundException(
            $"The libtorch{version} in {found.LibTorch} ({found.Origin}) lacks {missing.Count} of the symbols that TorchSharp {BridgeVersion} needs, the first of them {missing[0]}; it needs libtorch {LibTorchVersion[..^2]}, and `./manifold doctor` lists them all.");
    }

    // .NET puts advice on the first line and what the system's loader said on the next.
    internal static string Reason(Exception e) =>
        e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) is [_, var said, ..] ? said.TrimEnd('.') : e.Message.Trim().TrimEnd('.');
}
