using System.Text;

namespace Manifold.Cli;

/// <summary>
/// Writes to a terminal, file or pipe for as long as that works, and drops what can no longer be written: for words that only
/// accompany the work. What a verb was asked to print does not go through it, because its loss is a failure.
/// </summary>
internal sealed class UnfailingWriter(TextWriter inner) : TextWriter
{
    /// <summary>Wraps a stream of the process.</summary>
    /// <param name="open">Fails where the process was started without that stream.</param>
    public static TextWriter Of(Func<TextWriter> open)
    {
        try { return new UnfailingWriter(open()); }
        catch (Exception e) when (IsGone(e)) { return Null; }
    }

    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => Try(() => inner.Write(value));
    public override void Write(string? value) => Try(() => inner.Write(value));
    public override void Write(char[] buffer, int index, int count) => Try(() => inner.Write(buffer, index, count));
    public override void WriteLine() => Try(inner.WriteLine);
    public override void WriteLine(string? value) => Try(() => inner.WriteLine(value));
    public override void Flush() => Try(inner.Flush);

    private static void Try(Action write)
    {
        try { write(); }
        catch (Exception e) when (IsGone(e)) { }
    }

    private static bool IsGone(Exception e) => e is IOException or UnauthorizedAccessException or ObjectDisposedException;
}
