using System.Diagnostics;

namespace Manifold.Tests.Cli;

/// <summary>The command line as a process of its own, as people run it.</summary>
internal static class ManifoldProcess
{
    /// <summary>For a test that does something to it while it runs; the caller waits for it and reads what it says.</summary>
    public static Process Start(string[] arguments) =>
        Process.Start(new ProcessStartInfo(Child.Cli, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;

    public static (int Code, string Output, string Error) Run(params string[] arguments) =>
        Of(Child.Run(Child.Cli, arguments));

    private static (int, string, string) Of(Child.Result result) => (result.ExitCode, result.Output, result.Error);
}
