using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Manifold.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Evaluation;

/// <summary>
/// A TorchScript file in a process of its own, which may die: libtorch ends the process on an unknown operator, a wrong argument or deep
/// nesting, and the file is code. Pictures go in, features come out, and every other end is a <see cref="MetricException"/>.
/// </summary>
/// <remarks>
/// Both directions are little-endian. The parent sends int64 length and the file; then for each batch int32 N, C, H, W and as many float32.
/// The child answers each with int32 N, F and as many float32, or with int32 -1, int32 length and a message in UTF-8; for the file N and F are 0.
/// </remarks>
public sealed class ScriptProcess : IDisposable
{
    /// <summary>The first argument of the program where it is the child: <see cref="ScriptHost.Serve"/>.</summary>
    public const string Verb = "torchscript-host";

    internal const int LargestMessage = 4096;
    private const int SignalBase = 128;                                        // of the exit code of a process that a signal ended
    internal const long LargestAnswer = 1L << 30;

    private static readonly TimeSpan patience = TimeSpan.FromMinutes(10);      // for one batch of 100 pictures; Inception takes seconds
    private readonly ScriptFile script;
    private readonly TimeSpan limit;
    private readonly Process process;
    private readonly MemoryStream said = new();                                // on stderr, the first of it
    private readonly Task listening;

    /// <summary>Starts the child and lets it load the file.</summary>
    /// <param name="limit">How long a batch may take; ten minutes if null.</param>
    /// <exception cref="MetricException">There is no program to run it in, or it cannot be loaded.</exception>
    public ScriptProcess(ScriptFile script, TimeSpan? limit = null)
    {
        (this.script, this.limit) = (script, limit ?? patience);
        process = Start();
        listening = Task.Run(() => Listen(process.StandardError.BaseStream));
        try
        {
            Exchange("while it was loaded", to =>
            {
                to.Write(BitConverter.GetBytes((long)script.Content.Length));
                to.Write(script.Content);
            }, ReadAnswer);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A row of features for each picture.</summary>
    /// <param name="pictures">[N, C, H, W] float32, values of 0 to 255.</param>
    /// <exception cref="MetricException">The script failed, took too long, ended its process, or gives no such rows.</exception>
    public Tensor Features(Tensor pictures)
    {
        var count = pictures.shape[0];
        var sizes = $"[{string.Join(", ", pictures.shape)}]";
        var (rows, width, values) = Exchange($"on pictures {sizes} of 0 to 255", to =>
        {
            foreach (var size in pictures.shape) to.Write(BitConverter.GetBytes((int)size));
            to.Write(pictures.contiguous().bytes);
        }, ReadAnswer);
        if (width > Extractor.LargestWidth)
            throw new MetricException($"{script.Path} gives {width:N0} features for each picture; metrics take {Extractor.LargestWidth:N0} at most.");
        return rows == count && width > 0 ? tensor(values, [rows, width])
            : throw new MetricException($"{script.Path} gives [{rows}, {width}] for {count} pictures; it needs to give a tensor with a row of features for each.");
    }

    public void Dispose()
    {
        try { process.StandardInput.Close(); }                                 // the child ends when there is nothing more to read
        catch (IOException) { }
        if (!process.WaitForExit(TimeSpan.FromMilliseconds(200)))
        {
            Kill();
            process.WaitForExit(TimeSpan.FromSeconds(5));
        }
        process.Dispose();
    }

    private Process Start()
    {
        var program = Program() ?? throw new MetricException(
            $"{script.Path} is a TorchScript file, that is code, and is run by the program manifold in a process of its own. There is no such program in {AppContext.BaseDirectory}: use `./manifold evaluate --features {script.Path}`, or features of a run.");
        var start = new ProcessStartInfo(program, [Verb, $"{Machine.Threads}", $"{Environment.ProcessId}"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardErrorEncoding = Encoding.UTF8,
        };
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0";               // it needs a file of memory, and the child may write no files
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        try { return Process.Start(start)!; }
        catch (System.ComponentModel.Win32Exception e) { throw new MetricException($"{program}, which would run {script.Path}, does not start: {e.Message}"); }
    }

    // Beside this application: the command line itself, published or not, or one that references it.
    private static string? Program() => new[] { "manifold", "Manifold.Cli" }.Select(name => Path.Combine(AppContext.BaseDirectory, name)).FirstOrDefault(File.Exists);

    private T Exchange<T>(string when, Action<Stream> send, Func<Stream, T> receive)
    {
        using var timer = new CancellationTokenSource(limit);
        using var _ = timer.Token.Register(Kill);                              // which ends the writing and the reading below
        try
        {
            var to = process.StandardInput.BaseStream;
            var writing = Task.Run(() =>
            {
                send(to);
                to.Flush();
            });
            var answer = receive(process.StandardOutput.BaseStream);
            writing.GetAwaiter().GetResult();
            return answer;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            if (timer.IsCancellationRequested) throw new MetricException($"{script.Path} took longer than {limit.TotalSeconds:N0} s {when}, and was ended.");
            throw new MetricException($"{script.Path} ended its process {when}{Reason()}");
        }
        catch (ScriptFailure e)
        {
            throw new MetricException(when.StartsWith("on", StringComparison.Ordinal)
                ? $"{script.Path} failed {when}: {e.Message}"
                : $"{script.Path} is not a TorchScript file that libtorch can load: {e.Message}");
        }
    }

    private (int Rows, int Width, float[] Values) ReadAnswer(Stream from)
    {
        int rows = ReadInt(from), width = ReadInt(from);
        if (rows == -1)
        {
            if (width is < 0 or > LargestMessage) throw Garbled($"a message of {width:N0} bytes");
            var message = new byte[width];
            from.ReadExactly(message);
            throw new ScriptFailure(Plain(Encoding.UTF8.GetString(message)));
        }
        if (rows < 0 || width < 0 || (long)rows * width * sizeof(float) > LargestAnswer)
            throw Garbled($"{rows:N0} rows of {width:N0} features");
        var values = new float[rows * width];
        from.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
        return (rows, width, values);
    }

    // What follows such an answer has no meaning.
    private ScriptFailure Garbled(string what)
    {
        Kill();
        return new ScriptFailure($"its process answered with {what}");
    }

    private static int ReadInt(Stream from)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        from.ReadExactly(bytes);
        return BitConverter.ToInt32(bytes);
    }

    // A child's words go to a terminal: one line, and no control characters.
    private static string Plain(string text) => new([.. text.Split('\n')[0].Where(c => !char.IsControl(c))]);

    private string Reason()
    {
        if (!process.WaitForExit(TimeSpan.FromSeconds(5))) Kill();
        process.WaitForExit();
        listening.Wait(TimeSpan.FromSeconds(5));
        var lines = Encoding.UTF8.GetString(said.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var words = lines.FirstOrDefault(line => line.Contains("what():", StringComparison.Ordinal)) ?? lines.FirstOrDefault("");
        return $"{End(process.ExitCode)}{(words.Length == 0 ? "." : $": {Plain(words)}")}";
    }

    private static string End(int code) => code switch
    {
        SignalBase + 9 => " by signal 9, for want of memory perhaps",
        > SignalBase => $" by signal {code - SignalBase}",
        _ => $" with exit code {code}",
    };

    // All is read, or the child would wait; little is kept, since it may never end.
    private void Listen(Stream from)
    {
        var buffer = new byte[LargestMessage];
        try
        {
            while (from.Read(buffer) is > 0 and var count)
                if (said.Length < LargestMessage) said.Write(buffer, 0, count);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException) { }
    }

    private void Kill()
    {
        try { process.Kill(entireProcessTree: true); }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception) { }
    }

    // What the child said went wrong.
    private sealed class ScriptFailure(string message) : Exception(message);
}
