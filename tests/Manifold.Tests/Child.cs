using System.Diagnostics;

namespace Manifold.Tests;

/// <summary>Runs a program in a process of its own, for what the test's process has already decided, such as which libtorch is loaded.</summary>
internal static class Child
{
    public sealed record Result(int ExitCode, string Output, string Error);

    /// <summary>The CLI beside the tests.</summary>
    public static string Cli => Path.Combine(AppContext.BaseDirectory, "Manifold.Cli");

    /// <summary>The number of a process that has ended.</summary>
    public static int DeadProcess()
    {
        using var process = Process.Start("true");
        process.WaitForExit();
        return process.Id;
    }

    /// <summary>Starts the program and waits for it, five minutes at most.</summary>
    /// <param name="environment">What differs from the test's own environment; null removes a variable.</param>
    public static Result Run(string program, IEnumerable<string> arguments, IEnumerable<(string Name, string? Value)>? environment = null, string? folder = null) =>
        RunAsync(program, arguments, environment, folder).GetAwaiter().GetResult();

    public static async Task<Result> RunAsync(string program, IEnumerable<string> arguments, IEnumerable<(string Name, string? Value)>? environment = null, string? folder = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder ?? AppContext.BaseDirectory,
        };
        // A `dotnet test` around the tests tells its own build where things are.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray()) start.Environment.Remove(name);
        foreach (var (name, value) in environment ?? [])
            if (value is null) start.Environment.Remove(name);
            else start.Environment[name] = value;

        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} was still running after five minutes.");
        }
        return new Result(process.ExitCode, await output, await error);
    }
}
