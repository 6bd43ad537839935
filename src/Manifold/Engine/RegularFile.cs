using System.Runtime.InteropServices;
using System.Text;

namespace Manifold.Engine;

/// <summary>What lies at a path; a symbolic link is itself, and is not followed.</summary>
public enum FileKind
{
    /// <summary>There is nothing.</summary>
    Missing,

    /// <summary>A file with content.</summary>
    Regular,

    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A symbolic link, whatever it points to.</summary>
    Link,

    /// <summary>A device, a pipe or a socket.</summary>
    Other,
}

/// <summary>
/// Reads and extends files of a folder that somebody else may have filled. Only a regular file is opened: a symbolic link
/// would lead out of the folder, and a device or a pipe has no end.
/// </summary>
public static partial class RegularFile
{
    /// <summary>What lies at the path.</summary>
    public static FileKind KindOf(string path) => Stat(path).Kind;

    /// <summary>Device and inode of what lies at the path, which stay while it is renamed; null where there is nothing.</summary>
    public static (ulong Device, ulong Inode)? Identity(string path) => Stat(path) is { Kind: not FileKind.Missing } found ? (found.Device, found.Inode) : null;

    /// <summary>Opens a file to read.</summary>
    /// <exception cref="FileNotFoundException">There is nothing at the path.</exception>
    /// <exception cref="IOException">It is no regular file, or cannot be opened.</exception>
    public static FileStream OpenRead(string path)
    {
        Expect(path, Stat(path).Kind);
        return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
    }

    /// <summary>The bytes of a file as it is when it is opened.</summary>
    /// <param name="limit">The most bytes that it may have; checked before any is read.</param>
    /// <exception cref="FileNotFoundException">There is nothing at the path.</exception>
    /// <exception cref="IOException">It is no regular file, has more bytes, or cannot be read.</exception>
    public static byte[] ReadAll(string path, long limit)
    {
        using var file = OpenRead(path);
        var length = file.Length;
        if (length > limit) throw new IOException($"{path} has {length:N0} bytes; at most {limit:N0} are read.");
        var content = new byte[length];
        file.ReadExactly(content);
        return content;
    }

    /// <summary>The lines of a text file, one at a time.</summary>
    /// <exception cref="IOException">It is no regular file, or cannot be read.</exception>
    public static IEnumerable<string> ReadLines(string path)
    {
        using var file = OpenRead(path);
        using var text = new StreamReader(file, Encoding.UTF8);
        while (text.ReadLine() is { } line) yield return line;
    }

    /// <summary>Adds text at the end of a file, or makes it.</summary>
    /// <exception cref="IOException">Something is there that is no regular file, or it cannot be written.</exception>
    public static void Append(string path, string text)
    {
        ExpectRegularOrMissing(path);
        using var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        file.Write(Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Refuses to write where something else than a regular file lies.</summary>
    /// <exception cref="IOException">It does.</exception>
    public static void ExpectRegularOrMissing(string path)
    {
        var kind = Stat(path).Kind;
        if (kind != FileKind.Missing) Expect(path, kind);
    }

    private static void Expect(string path, FileKind kind)
    {
        switch (kind)
        {
            case FileKind.Regular: return;
            case FileKind.Missing: throw new FileNotFoundException($"There is no file {path}.", path);
            case FileKind.Link: throw new IOException($"{path} is a symbolic link; a regular file is needed here, and no link is followed.");
            default: throw new IOException($"{path} is {(kind == FileKind.Folder ? "a folder" : "a device or a pipe")}; a regular file is needed here.");
        }
    }

    private const int CurrentFolder = -100, NoFollow = 0x100;      // AT_FDCWD, AT_SYMLINK_NOFOLLOW
    private const uint TypeInodeAndSize = 0x1 | 0x100 | 0x200;      // STATX_TYPE, STATX_INO, STATX_SIZE
    private const int NoEntry = 2, NoFolder = 20;                   // ENOENT, ENOTDIR

    // The fields of struct statx lie in the same places on every processor (linux/stat.h), other than those of struct stat.
    private static unsafe (FileKind Kind, ulong Device, ulong Inode) Stat(string path)
    {
        var facts = stackalloc byte[256];
        if (statx(CurrentFolder, path, NoFollow, TypeInodeAndSize, facts) != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            if (error is NoEntry or NoFolder) return default;
            throw new IOException($"{path} cannot be looked at: {Marshal.GetPInvokeErrorMessage(error)}.", error);
        }
        var kind = (*(ushort*)(facts + 28) & 0xF000) switch
        {
            0x8000 => FileKind.Regular,
            0x4000 => FileKind.Folder,
            0xA000 => FileKind.Link,
            _ => FileKind.Other,
        };
        var device = (ulong)*(uint*)(facts + 136) << 32 | *(uint*)(facts + 140);
        return (kind, device, *(ulong*)(facts + 32));
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int statx(int folder, string path, int flags, uint mask, byte* facts);
}
