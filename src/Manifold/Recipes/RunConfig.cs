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
        var tree = StrictJson.Parse(json, path, why => Broken(why));
        var schema = tree.Find("schema")?.Count() ?? 0;
        if (schema > Schema)
            throw new SettingsException($"{path} has schema {schema}, made by a newer Manifold; this one reads up to {Schema}. Update Manifold.");
        tree.Only("schema", "recipe", "settings", "data", "changes", "extractor");
        var facts = tree["data"].To<DataFacts>(Recipes.Recipe.Json).Validated(why => Broken($"{path}: {why}"));
        return new RunConfig(tree["recipe"].Text(), tree["settings"].Object(), facts)
        {
            Changes = tree.Find("changes")?.Items().Select(change => change.To<AllowedChange>(Recipes.Recipe.Json)).ToList()
                ?? [],
            Extractor = tree.Find("extractor")?.Text(),
        };
    }

    /// <summary>The recipe with the settings of this file.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="entry">What the settings that it leaves out are taken from; the recipe of this name if null.</param>
    /// <exception cref="SettingsException">There is no such recipe, or a setting is unknown or does not fit.</exception>
    public Recipe ToRecipe(string path, RecipeEntry? entry = null)
    {
        try { return Recipes.Settings.Parse(entry ?? RecipeList.Find(Recipe), Settings); }
        catch (SettingsException e) { throw Broken($"{path}: {e.Message}", e); }
    }

    private static SettingsException Broken(string why, Exception? inner = null) =>
        new($"{why} Restore the run's config.json, or train again in another folder.", inner);
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

    // Of a picture; networks are built to these sizes.
    private const int MostChannels = 1024, LongestSide = 1 << 16, MostValues = 1 << 28;

    /// <summary>Returns these facts if pictures can be of them.</summary>
    /// <param name="error">Makes the exception from what is wrong.</param>
    public DataFacts Validated(Func<string, Exception> error)
    {
        Within("channels", Channels, 1, MostChannels);
        Within("height", Height, 1, LongestSide);
        Within("width", Width, 1, LongestSide);
        foreach (var (name, count) in new[] { ("train", Train), ("validation", Validation), ("test", Test), ("classes", Classes) })
            Within(name, count, 0, int.MaxValue);
        if ((long)Channels * Height * Width > MostValues)
            throw error($"data is of pictures of {Channels}x{Height}x{Width}; the most is {MostValues:N0} values.");
        return this;

        void Within(string name, int value, int least, int most)
        {
            if (value < least || value > most) throw error($"data.{name} is {value}; it needs to be from {least} to {most}.");
        }
    }

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

    /// <summary>The most threads with which a run goes on, where it was trained with them on a larger machine.</summary>
    public const int MostThreads = 1024;

    /// <summary>What decides the bytes of a run.</summary>
    public static IReadOnlyList<string> Deciding { get; } = ["libtorch", "cpu_capability", "threads", "device"];

    /// <summary>What a run's environment.json says of <see cref="Deciding"/>; null if there is no such file.</summary>
    /// <exception cref="SettingsException">The file is broken.</exception>
    public static JsonObject? Stored(string path)
    {
        if (RegularFile.KindOf(path) == FileKind.Missing) return null;
        var tree = StrictJson.Read(path, why => new SettingsException(
            $"{why} Restore the file, or delete it and go on, perhaps to other bytes, with --allow-change environment."));
        JsonNode Checked(string key) => key == "threads" ? tree[key].Count() : tree[key].Text();
        return new JsonObject(Deciding.Select(key => KeyValuePair.Create(key, (JsonNode?)Checked(key))));
    }
}
