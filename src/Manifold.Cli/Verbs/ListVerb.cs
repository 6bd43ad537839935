using System.CommandLine;
using System.Text.Json.Nodes;
using Manifold.Recipes;

namespace Manifold.Cli.Verbs;

internal static class ListVerb
{
    public static Command Make()
    {
        var json = Verb.Json();
        var command = new Command("list", "Show what can be trained.") { json };
        command.SetAction(parsed => Verb.Do(() =>
        {
            foreach (var entry in RecipeList.All)
                Console.WriteLine(parsed.GetValue(json)
                    ? new JsonObject { ["name"] = entry.Name, ["summary"] = entry.Summary, ["settings"] = entry.Default.ToJson() }.ToJsonString()
                    : $"{entry.Name,-18}{entry.Summary}");
            return ExitCodes.Done;
        }));
        return command.WithExample("./manifold list");
    }
}
