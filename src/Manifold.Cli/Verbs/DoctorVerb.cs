using System.CommandLine;
using System.Text.Json;
using Manifold.Engine;

namespace Manifold.Cli.Verbs;

/// <summary>Says what this computer has, and whether training works on it.</summary>
internal static class DoctorVerb
{
    private static readonly JsonSerializerOptions json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    public static Command Make()
    {
        var asJson = new Option<bool>("--json") { Description = "Print the facts as JSON, for programs." };
        var command = new Command("doctor", "Says what this computer has, and whether training works on it.") { asJson }.WithExample("./manifold doctor");
        command.SetAction(parse =>
        {
            var facts = Diagnosis.Make();
            var output = parse.InvocationConfiguration.Output;
            if (parse.GetValue(asJson)) output.WriteLine(JsonSerializer.Serialize(facts, json));
            else Print(facts, output);
            return facts.CanTrain ? ExitCodes.Done : ExitCodes.Failed;
        });
        return command;
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
        Line("TorchSharp", facts.Bridge is null ? "not found" : $"{Native.BridgeVersion} from {facts.Bridge}");
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
