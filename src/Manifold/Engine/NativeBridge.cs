using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Manifold.Engine;

/// <summary>Opens TorchSharp's bridge, as it is or, on systems with an older libstdc++, as a patched copy.</summary>
/// <remarks>
/// The copy never has a name that another user could know or replace: it lives in memory, or in a fresh folder that only this
/// user can enter, and it is loaded through the descriptor that it was written to.
/// </remarks>
internal static partial class NativeBridge
{
    // The bridge was built with GCC 13's libstdc++ or newer, for one function that nothing in it calls. Debian 12, Ubuntu 22.04
    // and RHEL 9 lack this version; asked for weakly, they load it.
    private const string NewerThanSupported = "GLIBCXX_3.4.32";

    /// <returns>The library's handle, and whether a patched copy was loaded.</returns>
    /// <exception cref="DllNotFoundException">Neither the bridge nor a patched copy of it loads.</exception>
    public static (nint Handle, bool IsPatched) Open(string bridge)
    {
        if (NativeLibrary.TryLoad(bridge, out var handle)) return (handle, false);
        if (ElfFile.WithWeakVersion(bridge, NewerThanSupported) is not { } patched) return (NativeLibrary.Load(bridge), false);
        return (Load(patched), true);
    }

    /// <summary>Loads a library from its bytes.</summary>
    /// <exception cref="DllNotFoundException">The system loads it neither from memory nor from a private folder.</exception>
    public static nint Load(byte[] library)
    {
        string? refused = null;
        foreach (var load in new[] { LoadFromMemory, LoadFromPrivateFolder })
            try
            {
                return load(library);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or DllNotFoundException)
            {
                refused ??= Native.Reason(e);
            }
        throw new DllNotFoundException(
            $"{refused}; the patched copy of TorchSharp's bridge, which this system's libstdc++ needs, " +
            $"loads neither from memory nor from {Path.GetTempPath()}; set TMPDIR to a folder that is writable and not mounted noexec");
    }

    /// <summary>Loads a library from an anonymous file in memory (memfd_create).</summary>
    internal static nint LoadFromMemory(byte[] library)
    {
        using var file = MemoryFile();
        RandomAccess.Write(file, library, 0);
        return LoadDescriptor(file);
    }

    /// <summary>Loads a library from a file in a folder that is made for it, that only this user can enter, and that is deleted at once.</summary>
    internal static nint LoadFromPrivateFolder(byte[] library)
    {
        var folder = Directory.CreateTempSubdirectory("manifold-");             // mkdtemp: random name, mode 0700
        try
        {
            using var file = OpenNew(Path.Combine(folder.FullName, "libLibTorchSharp.so"));
            RandomAccess.Write(file, library, 0);
            return LoadDescriptor(file);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // By the descriptor and not by a path: the loader maps exactly the file that was written. The loader also takes a name that
    // it knows for the library that it loaded under it, so the descriptor stays open and its number is never given to another.
    private static nint LoadDescriptor(SafeFileHandle file)
    {
        var handle = NativeLibrary.Load($"/proc/self/fd/{file.DangerousGetHandle()}");
        file.SetHandleAsInvalid();
        return handle;
    }

    private static SafeFileHandle OpenNew(string path) => File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite);

    private static SafeFileHandle MemoryFile()
    {
        const uint CloseOnExec = 1, Executable = 0x10;                          // MFD_CLOEXEC; MFD_EXEC is known since Linux 6.3
        var descriptor = memfd_create("libLibTorchSharp.so", CloseOnExec | Executable);
        if (descriptor < 0) descriptor = memfd_create("libLibTorchSharp.so", CloseOnExec);
        if (descriptor < 0) throw new IOException($"memfd_create failed with error {Marshal.GetLastPInvokeError()}");
        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int memfd_create(string name, uint flags);
}
