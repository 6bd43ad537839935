using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Manifold.Engine;

/// <summary>Where libtorch and TorchSharp's bridge are looked for, in order: a named folder, the application's own, the NuGet cache.</summary>
internal static partial class NativeSearch
{
    public const string HowToGet =
        "`dotnet restore` in a clone of Manifold fetches libtorch " + Native.LibTorchVersion + ", or name the torch/lib folder of a Python PyTorch 2.10 in " + Native.FolderVariable;

    private const string Library = "libtorch_cpu.so", BridgeFile = "libLibTorchSharp.so";

    /// <summary>The three that every libtorch has and that the bridge is linked to.</summary>
    public static readonly string[] LibTorchFiles = [Library, "libc10.so", "libtorch.so"];

    /// <exception cref="DllNotFoundException">There is none in any of the places, or this system is not supported.</exception>
    public static NativeLibraries Find()
    {
        if (Unsupported() is { } sentence) throw new DllNotFoundException(sentence);
        var (folder, origin) = LibTorch();
        if (LibTorchFiles.FirstOrDefault(name => !File.Exists(Path.Combine(folder, name))) is { } absent)
            throw new DllNotFoundException($"The libtorch in {folder} ({origin}) has {Library} but no {absent}; {HowToGet}.");

        var bridge = BridgePlaces().FirstOrDefault(File.Exists) ?? throw new DllNotFoundException(
            $"libtorch was found in {folder} ({origin}), but not TorchSharp's {BridgeFile}: it is not in {string.Join(" or ", BridgePlaces().Select(Path.GetDirectoryName))}; `dotnet restore` in a clone of Manifold fetches it.");
        return new NativeLibraries(folder, origin, bridge);
    }

    /// <summary>The version that the folder's surroundings tell, without loading anything: of the NuGet package, or of the Python installation.</summary>
    public static string? DeclaredVersion(string folder)
    {
        if (PackageVersion().Match(folder) is { Success: true } package) return package.Groups[1].Value;
        var python = Path.Combine(folder, "..", "version.py");
        try
        {
            return File.Exists(python) && PythonVersion().Match(File.ReadAllText(python)) is { Success: true } match ? match.Groups[1].Value : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? Unsupported() =>
        !OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64
            ? $"This system is {RuntimeInformation.OSDescription} on {RuntimeInformation.ProcessArchitecture}, and Manifold runs on Linux x64; on Windows, WSL 2 is one."
        : File.Exists("/lib/ld-musl-x86_64.so.1") && !File.Exists("/lib64/ld-linux-x86-64.so.2")
            ? "This Linux is built on musl, and libtorch needs glibc; Debian, Ubuntu, Fedora and RHEL have it."
        : null;

    private static (string Folder, string Origin) LibTorch()
    {
        if (Environment.GetEnvironmentVariable(Native.FolderVariable) is { Length: > 0 } named)
            return File.Exists(Path.Combine(named, Library)) ? (Path.GetFullPath(named), Native.FolderVariable) : throw new DllNotFoundException(NotThere(named));

        string[] places = [.. Application, .. Package("libtorch-cpu-linux-x64", Native.LibTorchVersion)];
        var found = places.FirstOrDefault(folder => File.Exists(Path.Combine(folder, Library)));
        return found is not null
            ? (found, Application.Contains(found) ? "application" : "NuGet cache")
            : throw new DllNotFoundException($"No {Library} was found: {Native.FolderVariable} is not set, and there is none in {string.Join(" or ", places)}; {HowToGet}.");
    }

    private static string NotThere(string named)
    {
        var has = Path.Combine(named, "lib", Library) is var inner && File.Exists(inner) ? $"holds no {Library}, but its lib folder does: name {Path.GetDirectoryName(inner)}"
            : Directory.Exists(named) ? $"holds no {Library}; name a folder such as the torch/lib of a Python PyTorch 2.10"
            : $"does not exist; name a folder such as the torch/lib of a Python PyTorch 2.10";
        return $"{Native.FolderVariable} is {named}, which {has}, or unset it to use the libtorch of the NuGet package.";
    }

    private static IEnumerable<string> BridgePlaces() =>
        Application.Concat(Package("torchsharp", Native.BridgeVersion)).Select(folder => Path.Combine(folder, BridgeFile));

    // What `dotnet publish` of the CLI makes, and where a program that references TorchSharp's own native packages has them.
    private static string[] Application =>
        [Path.Combine(AppContext.BaseDirectory, "native"), Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory), Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native")];

    // Exactly this version: the bridge fits no other. None where there is no home and so no cache.
    private static string[] Package(string package, string version) =>
        NuGetCache() is { } cache ? [Path.Combine(cache, package, version, "runtimes", "linux-x64", "native")] : [];

    private static string? NuGetCache() =>
        Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } cache ? Path.GetFullPath(cache)
        : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home ? Path.Combine(home, ".nuget", "packages")
        : null;

    [GeneratedRegex(@"/libtorch-[\w-]+/([^/]+)/runtimes/")]
    private static partial Regex PackageVersion();

    [GeneratedRegex(@"^__version__ = ['""]([^'""]+)", RegexOptions.Multiline)]
    private static partial Regex PythonVersion();
}
