using System.Text.Json.Nodes;

namespace Manifold.Checkpoints;

/// <summary>What differs between two trees of settings.</summary>
public static class SettingsDiff
{
    /// <param name="Path">a.b.c</param>
    /// <param name="Stored">As JSON; null where there was none.</param>
    /// <param name="Now">As JSON; null where there is none.</param>
    public sealed record Difference(string Path, string? Stored, string? Now);

    /// <summary>Every leaf that is not the same on both sides, in order.</summary>
    public static IReadOnlyList<Difference> Compare(JsonNode? stored, JsonNode? now, string path = "") =>
        stored is JsonObject a && now is JsonObject b
            ? [.. a.Select(entry => entry.Key).Union(b.Select(entry => entry.Key)).SelectMany(key => Compare(a[key], b[key], path.Length == 0 ? key : $"{path}.{key}"))]
            : JsonNode.DeepEquals(stored, now) ? [] : [new Difference(path, stored?.ToJsonString(), now?.ToJsonString())];
}
