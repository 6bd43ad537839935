using System.CommandLine;
using System.CommandLine.Invocation;
using Manifold.Cli.Verbs;

namespace Manifold.Cli;

/// <summary>Parses, runs a verb, and turns every way to end into an exit code and a sentence.</summary>
internal static class CommandLine
{
    /// <summary>
    /// The command that has all verbs. A plain command, because a RootCommand takes its name from the file; and named with its
    /// path, because a verb is called manifold too, and the parser tells commands apart by name alone.
    /// </summary>
    public static Command Root()
    {
        var root = new Command("./manifold", "Trains, measures and explores deep generative models.").WithExample("./manifold doctor");
        foreach (var verb in AllVerbs.Make()) root.Add(verb);
        root.Add(new VersionOption());
        root.Add(Examples.Help());
        StrictNumbers.Apply(root);
        root.SetAction(parse => parse.CommandResult.Command.Parse(["--help"]).Invoke(parse.InvocationConfiguration));
        return root;
    }

    /// <summary>Runs the verb that the arguments name.</summary>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static int Run(string[] args, TextWriter? output = null, TextWriter? error = null)
    {
        output ??= Console.Out;
        error ??= Console.Error;
        var parse = Root().Parse(args);
        if (parse.Action is ParseErrorAction)
        {
            WrongUsage.Explain(parse, error);
            return ExitCodes.WrongUsage;
        }

        try
        {
            // The library's own way to stop gives up after a time; a verb that must save first uses Interruption.
            return parse.InvokeAsync(new InvocationConfiguration
            {
                Output = output,
                Error = error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            }).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Interrupted;
        }
        catch (Exception e)
        {
            // A mistake of ours deserves its trace; what the user can mend is a sentence.
            error.WriteLine($"manifold: {(e is NullReferenceException or IndexOutOfRangeException or InvalidCastException || Environment.GetEnvironmentVariable("MANIFOLD_TRACE") == "1" ? e : e.Message)}");
            return ExitCodes.Failed;
        }
    }
}
