using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Runtime.CompilerServices;

namespace Manifold.Cli;

/// <summary>Examples at the end of a command's help.</summary>
internal static class Examples
{
    private static readonly ConditionalWeakTable<Command, List<string>> examples = [];

    /// <summary>Adds a line that the command's help ends with; it must be one that works as it stands.</summary>
    public static T WithExample<T>(this T command, string example) where T : Command
    {
        examples.GetOrCreateValue(command).Add(example);
        return command;
    }

    /// <summary>The examples of a command, in the order in which they were added.</summary>
    public static IReadOnlyList<string> Of(Command command) => examples.TryGetValue(command, out var lines) ? lines : [];

    /// <summary>The --help option, for the root: the usual help, and then the command's examples.</summary>
    public static HelpOption Help()
    {
        var option = new HelpOption();
        option.Action = new HelpThenExamples((SynchronousCommandLineAction)option.Action!);
        return option;
    }

    private sealed class HelpThenExamples(SynchronousCommandLineAction help) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;     // `./manifold train --wrong --help` is a question, not a mistake

        public override int Invoke(ParseResult parse)
        {
            help.Invoke(parse);
            var lines = Of(parse.CommandResult.Command);
            if (lines.Count == 0) return ExitCodes.Done;

            var output = parse.InvocationConfiguration.Output;
            output.WriteLine(lines.Count == 1 ? "Example:" : "Examples:");
            foreach (var line in lines) output.WriteLine($"  {line}");
            return ExitCodes.Done;
        }
    }
}
