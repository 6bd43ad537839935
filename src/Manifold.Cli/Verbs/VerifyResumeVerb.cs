using System.CommandLine;
using Manifold.Recipes;

namespace Manifold.Cli.Verbs;

internal static class VerifyResumeVerb
{
    public static Command Make()
    {
        var recipe = Verb.Recipe();
        var examples = new Option<long>("--examples") { Description = "How many to train for, twice.", HelpName = "N", DefaultValueFactory = _ => 20_000 };
        var data = Verb.Data();
        var dataRoot = Verb.DataRoot();
        var set = Verb.Set();
        var device = Verb.Device();
        var threads = Verb.Threads();

        var command = new Command("verify-resume", "Train straight and in pieces, and compare every byte of the weights and every line of the log.") { recipe, examples, data, dataRoot, set, device, threads };
        command.SetAction(parsed => Verb.Do(() =>
        {
            Verb.UseThreads(parsed.GetValue(threads));
            var request = new TrainingRequest(RecipeList.Find(parsed.GetRequiredValue(recipe)))
            {
                Changes = [.. parsed.GetValue(set)!, .. parsed.GetValue(data) is { } name ? [$"data.set={System.Text.Json.JsonSerializer.Serialize(name)}"] : Array.Empty<string>()],
                DataRoot = parsed.GetValue(dataRoot),
                Device = Verb.DeviceOf(parsed.GetValue(device)!),
            };
            var folder = Directory.CreateTempSubdirectory("manifold-verify-");
            try
            {
                var verdict = ResumeProof.Run(request, parsed.GetValue(examples), folder.FullName);
                Console.WriteLine($"{request.Entry.Name}: {verdict.Examples:N0} examples straight, and stopped at {string.Join(" and ", verdict.Pieces.Select(piece => $"{piece:N0}"))}.");
                foreach (var file in verdict.Files) Console.WriteLine($"  {file,-26}{Found(file) ?? "the same bytes"}");
                if (verdict.Files.Count > 0) Console.WriteLine($"  {ResumeVerdict.Log,-26}{Found(ResumeVerdict.Log) ?? $"the same {verdict.LogLines:N0} lines, seconds aside"}");
                foreach (var difference in verdict.Differences.Where(_ => verdict.Files.Count == 0)) Console.WriteLine($"  {difference}");
                Console.WriteLine(verdict.IsExact ? "Exact: a resumed run ends in the same bytes, and its log has the same lines." : "NOT exact.");
                return verdict.IsExact ? ExitCodes.Done : ExitCodes.Failed;

                string? Found(string file) => verdict.Differences.FirstOrDefault(difference => difference.StartsWith(file + ":", StringComparison.Ordinal));
            }
            finally
            {
                folder.Delete(recursive: true);
            }
        }));
        return command.WithExample("./manifold verify-resume vae --examples 20000");
    }
}
