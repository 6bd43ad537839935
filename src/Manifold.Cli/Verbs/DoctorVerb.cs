using System.CommandLine;
using System.Text.Json;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Recipes;

namespace Manifold.Cli.Verbs;

/// <summary>Says what this computer has, and whether training works on it.</summary>
internal static class DoctorVerb
{
    private static readonly JsonSerializerOptions json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    public static Command Make()
    {
        var asJson = new Option<bool>("--json") { Description = "Print the facts as JSON, for programs." };
        var recipe = new Option<string?>("--recipe") { Description = "Take a few steps of this recipe, and see whether learning reaches every part of its networks.", HelpName = "RECIPE" };
        var (set, data, dataRoot) = (Verb.Set(), Verb.Data(), Verb.DataRoot());
        var command = new Command("doctor", "Says what this computer has, and whether training works on it; or whether a recipe learns in every part.") { asJson, recipe, set, data, dataRoot }.WithExample("./manifold doctor --recipe dcgan");
        command.SetAction(parse =>
        {
            if (parse.GetValue(recipe) is { } name) return Verb.Do(() => Learns(RecipeList.Find(name), [.. parse.GetValue(set)!, .. parse.GetValue(data) is { } source ? [$"data.set={JsonSerializer.Serialize(source)}"] : Array.Empty<string>()], parse.GetValue(dataRoot)));
            var facts = Diagnosis.Make();
            var output = parse.InvocationConfiguration.Output;
            if (parse.GetValue(asJson)) output.WriteLine(JsonSerializer.Serialize(facts, json));
            else Print(facts, output);
            return facts.CanTrain ? ExitCodes.Done : ExitCodes.Failed;
        });
        return command;
    }

    private static int Learns(RecipeEntry entry, IReadOnlyList<string> changes, string? dataRoot)
    {
        var asked = Settings.With(entry.Default, changes);
        var (recipe, data) = Recipe.FitTo(asked, DataSet.Open(asked.Data, dataRoot), entry, changes, dataRoot);
        var contract = GradientContract.Of(recipe, data, TorchSharp.torch.CPU);
        Line("recipe", entry.Name);
        Line("steps", $"{contract.Steps}");
        Line("learn", contract.Still.Count == 0 ? $"all of {Count(contract.Parameters, "tensor")} moved" : $"of {Count(contract.Parameters, "tensor")} these did not move: {string.Join(", ", contract.Still)}");
        Line("frozen", contract.Moved.Count == 0 ? contract.Frozen == 0 ? "none" : $"none of {Count(contract.Frozen, "tensor")} moved" : $"these moved: {string.Join(", ", contract.Moved)}");
        Line("averages", contract.AveragesStill.Count == 0 ? "all followed" : $"these did not follow: {string.Join(", ", contract.AveragesStill)}");
        if (contract.GeneratorGradient is { } gradient) Line("generator", FormattableString.Invariant($"its gradient through the discriminator has the norm {gradient:G4}"));
        Line("verdict", contract.Holds ? "learning reaches every part" : "learning does not reach every part");
        return contract.Holds ? ExitCodes.Done : ExitCodes.Failed;

        static void Line(string name, string fact) => Console.WriteLine($"{name,-12}{fact}");
    }

    private static void Print(Diagnosis facts, TextWriter output)
    {
        const int most = 20;           // a libtorch of another age lacks hundreds
        var missing = facts.MissingSymbols ?? [];

        Line("system", $"{facts.System}, {facts.Runtime}");
        Line("processor", $"{facts.Cpu}, {Count(facts.Cores, "core")}, {facts.Vectors}");
        Line("threads", facts.Threads is { } threads ? $"{threads}" : "unknown");
        Line("kernels", facts.CpuCapability ?? "unknown");
        Line("libtorch", facts.LibTorch is null ? "not found" : $"{facts.LibTorchVersion ?? "unknown version"} from {facts.LibTorch} ({facts.Origin})");
        Line("TorchSharp", facts.Bridge is null ? "not found" : $"{Native.BridgeVersion} from {facts.Bridge}{(facts.BridgeIsPatched ? ", patched in memory for an older libstdc++" : "")}");
        Line("symbols", facts.MissingSymbols is null ? "not compared" : missing.Count == 0 ? "none missing" : $"{missing.Count} that TorchSharp needs are missing:");
        foreach (var symbol in missing.Take(most)) Line("", symbol);
        if (missing.Count > most) Line("", $"and {missing.Count - most} more; --json has them all");
        Line("GPU", facts.CudaDevices switch { null => "unknown", 0 => "none that libtorch can use", { } n => Count(n, "CUDA device") });
        foreach (var folder in facts.Data) Line("data", $"{(folder.Names.Count == 0 ? "nothing" : string.Join(", ", folder.Names))} in {folder.Path} ({folder.Reason})");
        Line("memory", $"{Gigabytes(facts.FreeMemory)} free");
        Line("disk", facts.FreeDisk is { } disk ? $"{Gigabytes(disk)} free here" : "unknown");
        foreach (var problem in facts.Problems) Line("problem", problem);
        Line("verdict", facts.CanTrain ? "training works here" : "training cannot work here");

        void Line(string name, string fact) => output.WriteLine($"{name,-12}{fact}");
    }

    private static string Count(int n, string what) => $"{n} {what}{(n == 1 ? "" : "s")}";

    private static string Gigabytes(long bytes) => $"{bytes / 1e9:0.0} GB";
}
