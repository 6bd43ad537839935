using System.Text.Json;
using System.Text.Json.Nodes;
using Manifold.Data;
using Manifold.Engine;

namespace Manifold.Recipes;

/// <summary>What config.json holds: the recipe's name, every setting, and the facts of the data that the networks were shaped by.</summary>
public sealed record RunConfig(string Recipe, JsonObject Settings, DataFacts Data)
{
    /// <summary>Changes that a resume was allowed to make, oldest first.</summary>
    public IReadOnlyList<AllowedChange> Changes { get; init; } = [];

    /// <summary>The beginning of the SHA-256 of the extractor that the checkpoints' scores are taken with; null where they need none.</summary>
    public string? Extractor { get; init; }

    private const int Schema = 1;

    public JsonObject ToJson()
    {
        var json = new JsonObject
        {
            ["schema"] = Schema,
            ["recipe"] = Recipe,
            ["settings"] = Settings.DeepClone(),
            ["data"] = JsonSerializer.SerializeToNode(Data, Recipes.Recipe.Json),
            ["changes"] = JsonSerializer.SerializeToNode(Changes, Recipes.Recipe.Json),
        };
        if (Extractor is not null) json["extractor"] = Extractor;
        return json;
    }

    /// <exception cref="SettingsException">The text is not a config.json of this or an older Manifold.</exception>
    public static RunConfig Parse(string json, string path)
    {
        try
        {
            var tree = JsonNode.Parse(json)!.AsObject();
            var schema = (int?)tree["schema"] ?? 0;
            if (schema > Schema) throw new SettingsException($"{path} has schema {schema}, made by a newer Manifold; this one reads up to {Schema}. Update Manifold.");
            return new RunConfig((string)tree["recipe"]!, tree["settings"]!.AsObject(), tree["data"].Deserialize<DataFacts>(Recipes.Recipe.Json)!)
            {
                Changes = tree["changes"].Deserialize<IReadOnlyList<AllowedChange>>(Recipes.Recipe.Json) ?? [],
                Extractor = (string?)tree["extractor"],
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException or ArgumentNullException or FormatException)
        {
            throw new SettingsException($"{path} is not a run's config.json: {e.Message}", e);
        }
    }
}

/// <summary>Facts of the data that a run was made on; a resume on other data is refused.</summary>
public sealed record DataFacts(string Name, string Fingerprint, int Channels, int Height, int Width, int Train, int Validation, int Test, int Classes = 0)
{
    /// <summary>Which files became which split; null in the config.json of an older Manifold.</summary>
    public IReadOnlyList<SplitOrigin>? Splits { get; init; }

    /// <summary>What was left out of the set, and why.</summary>
    public IReadOnlyList<LeftOut>? LeftOut { get; init; }

    public static DataFacts Of(DataSet data) =>
        new(data.Name, data.Fingerprint, data.Shape.Channels, data.Shape.Height, data.Shape.Width, data.Train.Count, data.Validation.Count, data.Test?.Count ?? 0, data.Classes)
        {
            Splits = data.Origins,
            LeftOut = data.LeftOut,
        };

    [System.Text.Json.Serialization.JsonIgnore] public PictureShape Shape => new(Channels, Height, Width);
}

/// <summary>A setting that was changed on a resume, with the examples seen by then.</summary>
public sealed record AllowedChange(long Examples, string Setting, string? From, string? To);

/// <summary>What environment.json holds. Other threads, another libtorch or another CPU capability give other bytes, so a resume compares these.</summary>
public sealed record RunEnvironment(string Manifold, string Libtorch, string CpuCapability, int Threads, string Device, string System)
{
    public static RunEnvironment Here(TorchSharp.torch.Device device) => new(
        typeof(RunEnvironment).Assembly.GetName().Version!.ToString(3), Machine.LibTorchVersion ?? "unknown", Machine.CpuCapability ?? "unknown",
        Machine.Threads, device.ToString(), global::System.Runtime.InteropServices.RuntimeInformation.OSDescription);

    public JsonObject ToJson() => JsonSerializer.SerializeToNode(this, Recipe.Json)!.AsObject();
}
