using System.Diagnostics;
using Manifold.Checkpoints;
using Manifold.Pictures;
using Manifold.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Cli.Verbs;

/// <summary>Follows pictures that are drawn pixel by pixel: a line of progress, a picture of how far they are, and an end by Ctrl-C.</summary>
/// <param name="count">Pictures in all.</param>
/// <param name="live">A PNG to be written again every second; null for none.</param>
internal sealed class DrawingWatch(int count, string? live = null, int columns = 8) : IDisposable
{
    private readonly Interruption stop = new();
    private readonly ProgressLine line = new("drawing");
    private readonly Stopwatch sinceShown = Stopwatch.StartNew();
    private readonly Lock one = new();
    private int done;

    /// <summary>Draws some of the pictures.</summary>
    /// <exception cref="OperationCanceledException">A stop was asked for.</exception>
    public Tensor Drawn(Func<Action<DrawingProgress>, Tensor> draw)
    {
        var before = done;
        var drawn = draw(progress =>
        {
            stop.Token.ThrowIfCancellationRequested();
            line.Report((before + progress.Share * Math.Min(100, count - before)) / count);
            if (live is null) return;
            lock (one)
            {
                if (sinceShown.ElapsedMilliseconds < 1000 && progress.Share < 1) return;
                using var pictures = progress.SoFar();
                AtomicFile.Write(live, Grid.Of(pictures, columns).ToPng());
                sinceShown.Restart();
            }
        });
        done += (int)drawn.shape[0];
        return drawn;
    }

    public void Dispose()
    {
        line.Done();
        stop.Dispose();
    }
}
