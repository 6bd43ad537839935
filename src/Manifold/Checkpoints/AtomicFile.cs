using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Manifold.Engine;
using Microsoft.Win32.SafeHandles;

namespace Manifold.Checkpoints;

/// <summary>Writes that are whole or absent, whatever happens on the way: a side file or folder, flushed, then renamed.</summary>
public static partial class AtomicFile
{
    /// <summary>What follows the name of an unfinished file or folder, before the number of its process.</summary>
    public const string Unfinished = ".part-";

    /// <summary>Replaces a file's content.</summary>
    /// <exception cref="CheckpointException">It could not be written; the file that was there is untouched.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var part = $"{path}{Unfinished}{Environment.ProcessId}";
        try
        {
            Directory.CreateDirectory(folder);
            File.Delete(part);
            WriteFlushed(part, content);
            File.Move(part, path, overwrite: true);
            FlushFolder(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!Directory.Exists(part)) TryDelete(part);
            throw CheckpointException.NotWritten(path, e);
        }
    }

    /// <summary>Makes a folder whole: fills a side folder, flushes every file, and renames it into place over any older one.</summary>
    /// <param name="fill">Writes the files into the folder that it is given, with <see cref="WriteFlushed"/>.</param>
    public static void WriteFolder(string path, Action<string> fill)
    {
        var part = $"{path}{Unfinished}{Environment.ProcessId}";
        try
        {
            if (Directory.Exists(part)) Directory.Delete(part, recursive: true);
            Directory.CreateDirectory(part);
            fill(part);
            FlushFolder(part);
            if (Directory.Exists(path)) DeleteFolder(path);
            Directory.Move(part, path);
            FlushFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            TryDelete(part);
            throw CheckpointException.NotWritten(path, e);
        }
    }

    /// <summary>Deletes a folder so that no one ever sees half of it under its own name.</summary>
    public static void DeleteFolder(string path)
    {
        var part = $"{path}{Unfinished}{Environment.ProcessId}-old";
        Directory.Move(path, part);
        Directory.Delete(part, recursive: true);
    }

    /// <summary>Writes a new file and waits until the disk has it. What is there already is never followed or written
    /// over.</summary>
    public static void WriteFlushed(string path, ReadOnlySpan<byte> content)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        file.Write(content);
        file.Flush(flushToDisk: true);
    }

    /// <summary>The file or folder of which this name is an unfinished write or deletion; null for every other name.</summary>
    public static string? UnfinishedOf(string name) =>
        UnfinishedName().Match(name) is { Success: true } match ? match.Groups["of"].Value : null;

    /// <summary>Deletes what killed processes left unfinished. Names that are not made here, and what another living process
    /// writes, stay.</summary>
    /// <param name="isFile">Says of a name whether a file of it is written in this folder.</param>
    /// <param name="isFolder">Says of a name whether a folder of it is written in this folder.</param>
    public static void Sweep(string folder, Func<string, bool> isFile, Func<string, bool> isFolder)
    {
        foreach (var path in Directory.EnumerateFileSystemEntries(folder, $"*{Unfinished}*").ToList())
        {
            var match = UnfinishedName().Match(Path.GetFileName(path));
            if (!match.Success || IsOfAnotherThatLives(match.Groups["process"].Value)) continue;
            var of = match.Groups["of"].Value;
            var isOurs = RegularFile.KindOf(path) switch
            {
                FileKind.Folder => isFolder(of),
                FileKind.Regular or FileKind.Link => isFile(of) && !match.Groups["old"].Success,
                _ => false,
            };
            if (isOurs) TryDelete(path);
        }
    }

    // Not the end of a line, before which $ would match too.
    [GeneratedRegex(@"^(?<of>.+)\.part-(?<process>[1-9][0-9]{0,9})(?<old>-old)?\z")]
    private static partial Regex UnfinishedName();

    private static bool IsOfAnotherThatLives(string process) =>
        process != Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
        && RegularFile.KindOf($"/proc/{process}") != FileKind.Missing;

    /// <summary>Holds a folder open: while it is, no other folder gets its <see cref="RegularFile.Identity"/>.</summary>
    internal static SafeFileHandle Hold(string folder) => new(open(folder, CloseInChildren), ownsHandle: true);

    private const int CloseInChildren = 0x80000;              // O_CLOEXEC

    private static void TryDelete(string path)
    {
        try
        {
            if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
            else File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }   // it is swept the next time
    }

    // A rename is on the disk only when its folder is.
    private static void FlushFolder(string path)
    {
        var handle = open(path, 0);
        if (handle < 0) return;
        _ = fsync(handle);
        _ = close(handle);
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc")]
    private static partial int fsync(int handle);

    [LibraryImport("libc")]
    private static partial int close(int handle);
}

/// <summary>A checkpoint or run folder is missing, broken, in use or cannot be written. The message says which, and the way out.</summary>
public sealed class CheckpointException(string message, Exception? inner = null) : Exception(message, inner)
{
    internal static CheckpointException NotWritten(string path, Exception e)
    {
        var free = Machine.FreeDisk(path) is { } bytes ? $" ({bytes / 1e6:N0} MB free there)" : "";
        var why = e.Message.TrimEnd('.');
        return new CheckpointException($"{path} could not be written: {why}{free}. What was saved before is whole.", e);
    }
}
