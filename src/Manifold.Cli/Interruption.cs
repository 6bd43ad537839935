using System.Runtime.InteropServices;

namespace Manifold.Cli;

/// <summary>
/// Turns the first Ctrl-C (or SIGTERM) into a cancelled token, so that a verb can save and end with
/// <see cref="ExitCodes.Interrupted"/>; the second ends the process at once.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;

    public Interruption() : this(PosixSignal.SIGINT, PosixSignal.SIGTERM) { }

    internal Interruption(params PosixSignal[] signals) => registrations = [.. signals.Select(signal => PosixSignalRegistration.Create(signal, Stop))];

    public CancellationToken Token => source.Token;

    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
        source.Dispose();
    }

    private void Stop(PosixSignalContext signal)
    {
        if (source.IsCancellationRequested) return;          // what the system does then is to end the process
        signal.Cancel = true;
        source.Cancel();
    }
}
