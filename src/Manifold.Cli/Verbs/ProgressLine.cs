namespace Manifold.Cli.Verbs;

/// <summary>A line that rewrites itself, on a terminal only: results go to standard output untouched.</summary>
internal sealed class ProgressLine(string name)
{
    private readonly System.Diagnostics.Stopwatch clock = System.Diagnostics.Stopwatch.StartNew();
    private readonly Lock one = new();
    private long shown;

    public void Report(double share)
    {
        if (Console.IsErrorRedirected || share <= 0 || clock.ElapsedMilliseconds - shown < 500) return;
        lock (one)
        {
            shown = clock.ElapsedMilliseconds;
            Console.Error.Write($"\r{name} {share:P0}, {TimeSpan.FromSeconds(clock.Elapsed.TotalSeconds * (1 - share) / share):h\\:mm\\:ss} left ");
        }
    }

    public void Done()
    {
        if (shown > 0) Console.Error.Write("\r" + new string(' ', 40) + "\r");
    }
}
