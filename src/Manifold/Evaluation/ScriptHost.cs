using System.Diagnostics;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>The other side of <see cref="ScriptProcess"/>: loads a TorchScript file and runs it, in a process that does nothing else and may die.</summary>
public static partial class ScriptHost
{
    private const int LargestSide = 1 << 14;
    private const long LargestBatch = 1L << 30;
    private const int StandardInput = 0, StandardOutput = 1, StandardError = 2;

    /// <summary>Reads the file and then pictures from the standard input until it ends, and writes features to the standard output.</summary>
    /// <param name="threads">Of libtorch, as many as the parent has: the numbers depend on it.</param>
    /// <param name="parent">Its process; this one ends when that does.</param>
    public static void Serve(int threads, int parent)
    {
        ScriptLimits.FollowParent(parent);
        using var from = new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(StandardInput, ownsHandle: false), FileAccess.Read);
        using var to = OnlyAnswers();
        Native.Load();                                                         // before the limits: a patched bridge is written to a file in memory
        ScriptLimits.Apply();                                                  // before libtorch makes its threads, which inherit them
        Machine.SetThreads(threads);
        using var _ = no_grad();
        if (!Answer(to, () => Load(from), out var script)) return;
        using (script)
        {
            WriteInts(to, 0, 0);
            to.Flush();
            Serve(script!, from, to);
        }
    }

    private static void Serve(LoadedScript script, Stream from, Stream to)
    {
        var sizes = new byte[4 * sizeof(int)];
        while (from.ReadAtLeast(sizes, sizes.Length, throwOnEndOfStream: false) == sizes.Length)
        {
            using var scope = NewDisposeScope();
            long[] shape = [.. MemoryMarshal.Cast<byte, int>(sizes).ToArray().Select(size => (long)size)];
            if (shape.Any(size => size is < 1 or > LargestSide) || shape.Aggregate(1.0, (all, size) => all * size) * sizeof(float) > LargestBatch)
                throw new InvalidDataException($"The parent sent pictures [{string.Join(", ", shape)}].");
            var values = new float[shape.Aggregate(1L, (all, size) => all * size)];
            from.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
            if (!Answer(to, () => script.Features(tensor(values, shape)), out var features)) continue;
            WriteInts(to, (int)features!.shape[0], (int)features.shape[1]);
            to.Write(features.bytes);
            to.Flush();
        }
    }

    // False where it failed, which was said to the parent.
    private static bool Answer<T>(Stream to, Func<T> make, out T? made)
    {
        try
        {
            made = make();
            return true;
        }
        catch (Exception e) when (e is ExternalException or InvalidOperationException or InvalidDataException or MetricException or NotSupportedException or ArgumentException or NotImplementedException)
        {
            var words = Encoding.UTF8.GetBytes(e.Message.Split('\n')[0]);
            var message = words.AsSpan(0, Math.Min(words.Length, ScriptProcess.LargestMessage));
            WriteInts(to, -1, message.Length);
            to.Write(message);
            to.Flush();
            made = default;
            return false;
        }
    }

    private static void WriteInts(Stream to, int first, int second)
    {
        to.Write(BitConverter.GetBytes(first));
        to.Write(BitConverter.GetBytes(second));
    }

    private static LoadedScript Load(Stream from)
    {
        var length = new byte[sizeof(long)];
        from.ReadExactly(length);
        if (BitConverter.ToInt64(length) is var bytes && bytes is < 1 or > ScriptFile.Largest) throw new InvalidDataException($"The parent sent a file of {bytes:N0} bytes.");
        var content = new byte[bytes];
        from.ReadExactly(content);
        var hasSwitch = HasSwitch(content);
        var module = jit.load(content);
        module.eval();
        return new LoadedScript(module, hasSwitch);
    }

    private sealed record LoadedScript(jit.ScriptModule Module, bool HasSwitch) : IDisposable
    {
        public Tensor Features(Tensor pictures)
        {
            var answer = HasSwitch ? Module.call(pictures, true) : Module.call(pictures);
            if (answer is not Tensor rows) throw new MetricException($"it gives {answer?.GetType().Name ?? "nothing"}; it needs to give a tensor with a row of features for each picture.");
            var shape = $"[{string.Join(", ", rows.shape)}]";
            if (rows.dim() < 2 || rows.shape[0] != pictures.shape[0]) throw new MetricException($"it gives {shape} for {pictures.shape[0]} pictures; it needs to give a tensor with a row of features for each.");
            if (!rows.is_floating_point()) throw new MetricException($"it gives {shape} of {rows.dtype}; features need to be floating-point numbers.");
            if (rows.numel() * sizeof(float) > ScriptProcess.LargestAnswer) throw new MetricException($"it gives {shape}; features of {ScriptProcess.LargestAnswer:N0} bytes at most are taken.");
            return rows.flatten(1).to_type(ScalarType.Float32).cpu().contiguous();
        }

        public void Dispose() => Module.Dispose();
    }

    // What the script prints must not lie among the answers.
    private static FileStream OnlyAnswers()
    {
        var answers = Dup(StandardOutput);
        if (answers < 0 || Dup2(StandardError, StandardOutput) < 0) throw new IOException($"The standard output cannot be kept for answers: {Marshal.GetLastPInvokeErrorMessage()}");
        return new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(answers, ownsHandle: true), FileAccess.Write);
    }

    // The code lies in the file as text.
    private static bool HasSwitch(byte[] content)
    {
        using var file = new ZipArchive(new MemoryStream(content));
        return file.Entries.Where(entry => entry.Name.EndsWith(".py", StringComparison.Ordinal)).Any(entry =>
        {
            using var text = new StreamReader(entry.Open());
            return Switch().IsMatch(text.ReadToEnd());
        });
    }

    [GeneratedRegex(@"def forward\(self[^,]*,\s*\w+: Tensor,\s*return_features: bool")]
    private static partial Regex Switch();

    [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
    private static partial int Dup(int descriptor);

    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    private static partial int Dup2(int from, int to);
}
