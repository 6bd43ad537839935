using System.Globalization;
using System.Runtime.InteropServices;

namespace Manifold.Cli;

/// <summary>
/// Turns the first Ctrl-C, SIGTERM or SIGHUP (the terminal was closed) into a cancelled token, so that a verb can save and end with
/// <see cref="ExitCodes.Interrupted"/>; the second ends the process at once. SIGHUP is left alone where it is ignored, as under nohup.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;

    public Interruption() : this(IsIgnored(SigHup) ? [PosixSignal.SIGINT, PosixSignal.SIGTERM] : [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP]) { }

    internal Interruption(params PosixSignal[] signals) => registrations = [.. signals.Select(signal => PosixSignalRegistration.Create(signal, Stop))];

    public CancellationToken Token => source.Token;

    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
        source.Dispose();
    }

    private void Stop(PosixSignalContext signal)
    {
        if (source.IsCancellationRequested && signal.Signal != PosixSignal.SIGHUP) return;   // what the system does then is to end the process
        signal.Cancel = true;                                // a terminal that closes may send SIGHUP twice: once itself, once through its shell
        source.Cancel();
    }

    private const int SigHup = 1;

    // What the process that started this one has set. The registration of a handler would change it.
    private static bool IsIgnored(int signal) =>
        File.Exists("/proc/self/status")
        && File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith("SigIgn:", StringComparison.Ordinal)) is { } line
        && ulong.TryParse(line["SigIgn:".Length..].Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var mask)
        && (mask >> (signal - 1) & 1) == 1;
}
