using System.Text;
using System.Text.Json.Nodes;

namespace Manifold.Tests;

/// <summary>Breaks a good JSON text in seeded ways: other values and types, keys twice, missing or unknown, and plain bytes.</summary>
internal static class JsonMutations
{
    private const string Mark = "\"@@\"";                   // stands for text that is put in as it is

    private static readonly string[] values =
    [
        "null", "true", "-1", "0", "1", "0.5", "1e3", "1e308", "1e999", "-1e999", "9223372036854775807", "9223372036854775808", "-0", "NaN", "\"\"", "\"text\"", "\"../../x\"",
        "\"/dev/zero\"", "\"\\ud800\"", "[]", "{}", "[null]", "{\"a\":null}", "[[1]]", "01", "+1", ".5", "1.", "'x'", "/**/1", "1//", new string('[', 60) + new string(']', 60),
    ];

    public static IEnumerable<byte[]> Of(string good, int count)
    {
        var random = new Random(11);
        for (var i = 0; i < count; i++)
            yield return random.Next(4) == 0 ? Mutations.Mutate(Encoding.UTF8.GetBytes(good), random) : Encoding.UTF8.GetBytes(Change(good, random));
    }

    private static string Change(string good, Random random)
    {
        var tree = JsonNode.Parse(good)!;
        var places = Places(tree).ToList();
        var (owner, key) = places[random.Next(places.Count)];
        var value = values[random.Next(values.Length)];
        var old = owner[key]?.ToJsonString() ?? "null";
        switch (random.Next(5))
        {
            case 0: owner.Remove(key); return tree.ToJsonString();
            case 1: owner[key] = "@@"; return tree.ToJsonString().Replace(Mark, $"{old},\"{key}\":{(random.Next(2) == 0 ? old : value)}");
            case 2: owner["unknown"] = "@@"; return tree.ToJsonString().Replace(Mark, value);
            case 3: owner[key] = "@@"; return tree.ToJsonString().Replace(Mark, old + (random.Next(2) == 0 ? "," : " /* */"));
            default: owner[key] = "@@"; return tree.ToJsonString().Replace(Mark, value);
        }
    }

    private static IEnumerable<(JsonObject Owner, string Key)> Places(JsonNode? node) => node switch
    {
        JsonObject owner => owner.SelectMany(entry => Places(entry.Value).Prepend((owner, entry.Key))),
        JsonArray list => list.SelectMany(Places),
        _ => [],
    };
}
