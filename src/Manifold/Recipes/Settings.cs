using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Manifold.Engine;

namespace Manifold.Recipes;

/// <summary>A setting or a recipe's name is wrong. The message names it, what it has, and the way out.</summary>
public sealed class SettingsException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Settings as a tree of JSON, changed by paths such as model.latent_dim=8.</summary>
public static class Settings
{
    /// <summary>The recipe with these changes made to it.</summary>
    /// <param name="changes">Each path=value; the value is JSON, or a bare word.</param>
    /// <exception cref="SettingsException">A path does not exist (with the nearest that does), or a value does not fit it.</exception>
    public static Recipe With(Recipe recipe, IEnumerable<string> changes)
    {
        var tree = recipe.ToJson();
        foreach (var change in changes) Apply(tree, recipe.GetType(), change);
        return Parse(tree, recipe.GetType());
    }

    /// <summary>The recipe that these settings are of; what they leave out has the recipe's default.</summary>
    /// <exception cref="SettingsException">A setting is unknown or does not fit.</exception>
    public static Recipe Parse(RecipeEntry entry, JsonObject settings)
    {
        var tree = entry.Default.ToJson();
        Overlay(tree, settings);
        return Parse(tree, entry.Default.GetType());
    }

    /// <summary>The path of a change, model.latent_dim of model.latent_dim=8.</summary>
    public static string PathOf(string change) => change.Split('=', 2)[0].Trim();

    private static Recipe Parse(JsonObject tree, Type type)
    {
        try
        {
            return (Recipe)tree.Deserialize(type, Recipe.Json)!;
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            var path = PathIn(e);
            if (TypeAt(type, path) is not { } expected) throw new SettingsException($"There is no setting \"{path}\".{Suggest.DidYouMean(path, Known(type))}", e);
            var value = path.Split('.').Aggregate((JsonNode?)tree, (node, key) => (node as JsonObject)?[key]);
            throw new SettingsException($"{path} is {value?.ToJsonString() ?? "null"}, which does not fit: {Expected(expected)}", e);
        }
    }

    // $.model.hidden[1] is of model.hidden; a name with odd letters is written $['name'].
    private static string PathIn(Exception e)
    {
        var path = ((e as JsonException)?.Path ?? "$").Replace("$.", "").Replace("$['", "").Replace("']", "");
        return path.IndexOf('[') is > 0 and var bracket ? path[..bracket] : path;
    }

    private static void Apply(JsonObject tree, Type type, string change)
    {
        var parts = change.Split('=', 2);
        if (parts.Length != 2 || parts[0].Trim().Length == 0)
            throw new SettingsException($"\"{change}\" is not a change of a setting; it needs the form path=value, such as model.latent_dim=8.");

        var keys = parts[0].Trim().Split('.');
        JsonNode? node = tree;
        foreach (var key in keys[..^1]) node = (node as JsonObject)?[key] is JsonObject inner ? inner : null;
        if (node is not JsonObject owner || !owner.ContainsKey(keys[^1]) || TypeAt(type, string.Join('.', keys)) is not { } leaf || IsGroup(leaf))
            throw new SettingsException($"No setting \"{parts[0].Trim()}\".{Suggest.DidYouMean(parts[0].Trim(), Paths(tree))} Settings: {string.Join(", ", Paths(tree))}.");
        owner[keys[^1]] = Value(parts[1].Trim());
    }

    // Numbers, lists, true, false and null are JSON; anything else is a word.
    private static JsonNode? Value(string text)
    {
        try { return StrictJson.Parse(text, "the value", why => new FormatException(why)).Node; }
        catch (FormatException) { return JsonValue.Create(text); }
    }

    /// <summary>Every path of a tree of settings, in order.</summary>
    public static IEnumerable<string> Paths(JsonObject tree, string prefix = "") =>
        tree.SelectMany(entry => entry.Value is JsonObject inner ? Paths(inner, $"{prefix}{entry.Key}.") : [$"{prefix}{entry.Key}"]);

    private static void Overlay(JsonObject tree, JsonObject over)
    {
        foreach (var (key, value) in over)
            if (value is JsonObject inner && tree[key] is JsonObject mine) Overlay(mine, inner);
            else tree[key] = value?.DeepClone();
    }

    // Null where there is no such setting.
    private static Type? TypeAt(Type type, string path)
    {
        Type? at = type;
        foreach (var key in path.Split('.')) at = at is null ? null : Properties(at).FirstOrDefault(property => Name(property) == key)?.PropertyType;
        return at;
    }

    private static IEnumerable<string> Known(Type type, string prefix = "") =>
        Properties(type).SelectMany(property => IsGroup(property.PropertyType) ? Known(property.PropertyType, $"{prefix}{Name(property)}.") : [$"{prefix}{Name(property)}"]);

    private static IEnumerable<PropertyInfo> Properties(Type type) =>
        IsGroup(type) ? type.GetProperties().Where(property => property.GetCustomAttribute<JsonIgnoreAttribute>() is null && property.CanWrite) : [];

    // Settings of settings, such as model.likelihood.
    private static bool IsGroup(Type type) => type is { IsClass: true } && type != typeof(string);

    private static string Name(PropertyInfo property) => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);

    private static string Expected(Type type)
    {
        var bare = Nullable.GetUnderlyingType(type) ?? type;
        return bare.IsEnum ? $"it needs one of {string.Join(", ", Enum.GetNames(bare).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName))}."
            : bare == typeof(bool) ? "it needs true or false."
            : bare == typeof(string) ? "it needs a text."
            : typeof(System.Collections.IEnumerable).IsAssignableFrom(bare) ? "it needs a list, such as [400,200]."
            : IsGroup(bare) ? "it needs an object of settings."
            : bare == typeof(double) ? "it needs a number." : "it needs a whole number.";
    }
}
