using System.Runtime.InteropServices;
using Manifold.Cli;

namespace Manifold.Tests.Cli;

public class InterruptionTests
{
    // By SIGUSR1: the test runner has its own opinion on SIGINT and SIGTERM, which is to stop, and to call what it ran a success.
    [Fact]
    public void The_first_signal_asks_to_stop_and_ends_nothing()
    {
        using var interruption = new Interruption((PosixSignal)10);
        Assert.False(interruption.Token.IsCancellationRequested);
        Assert.Equal(0, Child.Run("kill", ["-USR1", $"{Environment.ProcessId}"]).ExitCode);
        Assert.True(interruption.Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(10)));
    }
}
