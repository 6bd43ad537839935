using System.Globalization;
using Manifold.Cli;
using Manifold.Evaluation;

// An exit code says what was done, also where nobody can read the words that go with it.
Console.SetError(UnfailingWriter.Of(() => Console.Error));

// A process of this program that runs a TorchScript file for another one; no verb, since nobody types it.
if (args is [ScriptProcess.Verb, var threads, var parent])
{
    ScriptHost.Serve(int.Parse(threads, CultureInfo.InvariantCulture), int.Parse(parent, CultureInfo.InvariantCulture));
    return ExitCodes.Done;
}

return CommandLine.Run(args);
