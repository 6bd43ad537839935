using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Manifold.Engine;

/// <summary>Folders that nobody but this user can change, though they lie where others can write.</summary>
internal static partial class PrivateFolder
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>This user's folder of a fixed name, made if it is not there, or a fresh one of a random name where that name is taken.</summary>
    /// <param name="parent">A folder in which others may make files, such as /tmp.</param>
    /// <exception cref="IOException">No folder can be made there.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public static string In(string parent)
    {
        var fixedName = Path.Combine(parent, $"manifold-{geteuid()}");
        return TryMake(fixedName) && IsOurs(fixedName) ? fixedName : Fresh(parent);
    }

    /// <summary>
    /// Whether the path is a folder, and no symbolic link to one, that the effective user owns and nobody else may enter or change.
    /// Root owns nothing here by being root: the owner is compared.
    /// </summary>
    internal static bool IsOurs(string path)
    {
        const int CurrentFolder = -100, NoFollow = 0x100, TypeModeAndOwner = 0x1 | 0x2 | 0x8;       // AT_FDCWD, AT_SYMLINK_NOFOLLOW, STATX_*
        const int FolderType = 0x4000, TypeMask = 0xF000, OthersMask = 0x3F;                        // S_IFDIR, S_IFMT, rwx of group and others
        Span<byte> facts = stackalloc byte[256];                                                    // struct statx
        if (statx(CurrentFolder, path, NoFollow, TypeModeAndOwner, facts) != 0) return false;
        var owner = BinaryPrimitives.ReadUInt32LittleEndian(facts[20..]);                           // stx_uid
        var mode = BinaryPrimitives.ReadUInt16LittleEndian(facts[28..]);                            // stx_mode
        return (mode & TypeMask) == FolderType && owner == geteuid() && (mode & OthersMask) == 0;
    }

    private static bool TryMake(string path)
    {
        try
        {
            Make(path);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;                                                                           // a file, or a link to nothing, has the name
        }
    }

    private static void Make(string path)
    {
        if (!OperatingSystem.IsLinux()) throw new IOException("private folders are made on Linux only");
        Directory.CreateDirectory(path, OwnerOnly);
    }

    // A random name, and mode 0700 from the first moment.
    private static string Fresh(string parent)
    {
        for (var attempt = 0; ; attempt++)
        {
            var path = Path.Combine(parent, $"manifold-{Path.GetRandomFileName()}");
            if (Path.Exists(path) && attempt < 10) continue;
            Make(path);
            if (IsOurs(path)) return path;
            if (attempt >= 10) throw new IOException($"{parent} gives no folder that is this user's alone");
        }
    }

    [LibraryImport("libc")]
    private static partial uint geteuid();

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(int folder, string path, int flags, uint mask, Span<byte> facts);
}
