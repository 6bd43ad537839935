using System.Runtime.InteropServices;
using Manifold.Engine;

namespace Manifold.Checkpoints;

/// <summary>Writes that are whole or absent, whatever happens on the way: a side file or folder, flushed, then renamed.</summary>
public static partial class AtomicFile
{
    /// <summary>What an unfinished file or folder has in its name; whoever finds one may delete it.</summary>
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
            TryDelete(part);
            WriteFlushed(part, content);
            File.Move(part, path, overwrite: true);
            FlushFolder(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            TryDelete(part);
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

    /// <summary>Writes a new file and waits until the disk has it. What is there already is never followed or written over.</summary>
    public static void WriteFlushed(string path, ReadOnlySpan<byte> content)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        file.Write(content);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Clears what a killed process left unfinished.</summary>
    public static void Sweep(string folder)
    {
        foreach (var left in Directory.EnumerateFileSystemEntries(folder, $"*{Unfinished}*").ToList()) TryDelete(left);
    }

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
        return new CheckpointException($"{path} could not be written: {e.Message.TrimEnd('.')}{free}. What was saved before is whole.", e);
    }
}
