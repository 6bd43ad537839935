using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Manifold.Engine;

/// <summary>Opens TorchSharp's bridge, as it is or, on systems with an older libstdc++, as a mended copy.</summary>
internal static class NativeBridge
{
    // The bridge was built with GCC 13's libstdc++ or newer, for one function that nothing in it calls. Debian 12, Ubuntu 22.04
    // and RHEL 9 lack this version; asked for weakly, they load it.
    private const string NewerThanSupported = "GLIBCXX_3.4.32";

    /// <returns>The library's handle, and the file that it was loaded from.</returns>
    /// <exception cref="DllNotFoundException">Neither the bridge nor a mended copy of it loads.</exception>
    public static (nint Handle, string Path) Open(string bridge)
    {
        if (NativeLibrary.TryLoad(bridge, out var handle)) return (handle, bridge);
        if (ElfFile.WithWeakVersion(bridge, NewerThanSupported) is not { } mended) return (NativeLibrary.Load(bridge), bridge);

        string? refused = null;
        foreach (var folder in UserCache.Folders("native"))
            try
            {
                var copy = Copy(mended, folder);
                return (NativeLibrary.Load(copy), copy);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or DllNotFoundException)
            {
                refused ??= Native.Reason(e);          // a cache that is full, read-only or mounted noexec; the next may do
            }
        throw new DllNotFoundException(
            refused ?? $"no folder can be written for the mended copy of {bridge} that this system's libstdc++ needs; set XDG_CACHE_HOME to one");
    }

    /// <summary>Puts the library into the folder under a name that tells its content, unless it is there, whole.</summary>
    internal static string Copy(byte[] library, string folder)
    {
        var copy = Path.Combine(folder, $"libLibTorchSharp-{Native.BridgeVersion}-{Convert.ToHexStringLower(SHA256.HashData(library))[..8]}.so");
        if (File.Exists(copy) && new FileInfo(copy).Length == library.Length && File.ReadAllBytes(copy).AsSpan().SequenceEqual(library)) return copy;

        // Renamed into place, so that two first starts at once never see half a file, nor pull a loaded one from under the other.
        var part = Path.Combine(folder, Path.GetRandomFileName());
        try
        {
            File.WriteAllBytes(part, library);
            File.Move(part, copy, overwrite: true);
        }
        finally
        {
            File.Delete(part);
        }
        return copy;
    }
}
