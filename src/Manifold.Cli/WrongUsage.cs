using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using Manifold.Engine;

namespace Manifold.Cli;

/// <summary>Says what is wrong with a command line, what was probably meant, and where to read on.</summary>
internal static partial class WrongUsage
{
    public static void Explain(ParseResult parse, TextWriter error)
    {
        var verb = Name(parse.CommandResult);
        // A word that is no command leaves a command wanting as well; one of the two is enough to say.
        var messages = parse.Errors.Select(e => e.Message).Distinct().ToList();
        if (messages.Any(Unknown().IsMatch)) messages.RemoveAll(message => !Unknown().IsMatch(message));
        foreach (var message in messages)
        {
            var unknown = Unknown().Match(message) is { Success: true } match ? match.Groups[1].Value : null;
            error.WriteLine($"{verb["./".Length..]}: {message}{(unknown is null ? "" : Suggest.DidYouMean(unknown, Known(parse)))}");
        }
        error.WriteLine($"`{verb} --help` shows what there is.");
    }

    // Commands and options that would have been understood in this place.
    private static IEnumerable<string> Known(ParseResult parse)
    {
        var command = parse.CommandResult.Command;
        return command.Subcommands.Where(c => !c.Hidden).SelectMany(c => c.Aliases.Prepend(c.Name))
            .Concat(command.Options.Concat(parse.RootCommandResult.Command.Options.Where(o => o.Recursive)).Where(o => !o.Hidden).SelectMany(o => o.Aliases.Prepend(o.Name)));
    }

    private static string Name(CommandResult result) => result.Parent is CommandResult parent ? $"{Name(parent)} {result.Command.Name}" : result.Command.Name;

    [GeneratedRegex("^Unrecognized command or argument '(.+)'")]
    private static partial Regex Unknown();
}
