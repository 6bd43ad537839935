using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Manifold.Engine;

/// <summary>
/// The one reader of JSON that Manifold itself has written. Strict: no key twice, no comments, no trailing commas, no number
/// beyond a double, a limited depth; null and other types only where they are asked for. What is wrong is said with file and key.
/// </summary>
/// <remarks>The caller decides the exception's type and the way out: it gets "FILE: KEY is VALUE; it needs ...".</remarks>
public sealed class StrictJson
{
    private const int Depth = 32;                           // levels; our own files have five
    private const int LargestFile = 64 << 20;               // bytes; our own files have a few thousand
    private const int LongestQuote = 60;                    // letters of a wrong value that a message repeats

    private readonly JsonNode? node;
    private readonly string file, key;
    private readonly Func<string, Exception> error;

    private StrictJson(JsonNode? node, string file, string key, Func<string, Exception> error) =>
        (this.node, this.file, this.key, this.error) = (node, file, key, error);

    /// <summary>Reads a regular file.</summary>
    /// <param name="error">Makes the exception from what is wrong.</param>
    /// <exception cref="IOException">The file is missing, no regular file, or cannot be read.</exception>
    public static StrictJson Read(string path, Func<string, Exception> error) => Parse(RegularFile.ReadAll(path, LargestFile), path, error);

    /// <summary>Reads a text.</summary>
    /// <param name="file">For messages.</param>
    /// <param name="error">Makes the exception from what is wrong.</param>
    public static StrictJson Parse(string text, string file, Func<string, Exception> error) => Parse(Encoding.UTF8.GetBytes(text), file, error);

    /// <summary>Reads bytes of UTF-8.</summary>
    /// <param name="file">For messages.</param>
    /// <param name="error">Makes the exception from what is wrong.</param>
    public static StrictJson Parse(ReadOnlySpan<byte> utf8, string file, Func<string, Exception> error)
    {
        if (utf8.Length == 0) throw error($"{file} is empty.");
        try
        {
            var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = Depth });
            reader.Read();
            var root = new StrictJson(Build(ref reader, file, "", error), file, "", error);
            reader.Read();                                  // throws where anything follows
            return root;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw error($"{file} is not valid JSON: {FirstSentence(e.Message)}");
        }
    }

    /// <summary>The value itself; null for JSON's null.</summary>
    public JsonNode? Node => node;

    /// <summary>The value as one line of JSON.</summary>
    public string Quoted => node is null ? "null" : node.ToJsonString() is var text && text.Length > LongestQuote ? $"{text[..LongestQuote]}…" : text;

    /// <summary>A value that must be there.</summary>
    public StrictJson this[string name] =>
        Object().TryGetPropertyValue(name, out var value) ? new StrictJson(value, file, Join(key, name), error) : throw error($"{file} has no {Join(key, name)}.");

    /// <summary>A value that may be missing or null; null in both cases.</summary>
    public StrictJson? Find(string name) => Object()[name] is { } found ? new(found, file, Join(key, name), error) : null;

    /// <summary>Refuses every key but these.</summary>
    public StrictJson Only(params ReadOnlySpan<string> names)
    {
        foreach (var (name, _) in Object())
            if (!names.Contains(name)) throw error($"{file}: {Join(key, name)} is unknown; there are {string.Join(", ", names)}.");
        return this;
    }

    /// <summary>The value as an object.</summary>
    public JsonObject Object() => node as JsonObject ?? throw Wrong("an object");

    /// <summary>The keys and values of an object, in order.</summary>
    public IEnumerable<(string Name, StrictJson Value)> Members() => Object().Select(entry => (entry.Key, new StrictJson(entry.Value, file, Join(key, entry.Key), error)));

    /// <summary>The values of a list.</summary>
    public IReadOnlyList<StrictJson> Items() =>
        node is JsonArray list ? [.. list.Select((item, index) => new StrictJson(item, file, $"{key}[{index}]", error))] : throw Wrong("a list");

    /// <summary>A text.</summary>
    public string Text() => node is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : throw Wrong("a text");

    /// <summary>Whether the value is a number.</summary>
    public bool IsNumber => node is JsonValue value && value.GetValueKind() == JsonValueKind.Number;

    /// <summary>A finite number.</summary>
    public double Number() => IsNumber ? node!.AsValue().GetValue<double>() : throw Wrong("a number");

    /// <summary>A whole number of at least 0.</summary>
    public long Count() => IsNumber && node!.AsValue().TryGetValue<long>(out var count) && count >= 0 ? count : throw Wrong("a whole number of 0 or more");

    /// <summary>The value as a type whose properties are given in JSON.</summary>
    public T To<T>(JsonSerializerOptions options)
    {
        try
        {
            return node.Deserialize<T>(options) ?? throw Wrong("a value");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            var path = (e as JsonException)?.Path is { Length: > 2 } inner ? Join(key, inner[2..]) : key;
            throw error($"{file}: {path} does not fit: {FirstSentence(e.Message)}");
        }
    }

    /// <summary>The exception of a value that is something else than it needs to be.</summary>
    /// <param name="need">Ends the sentence "it needs to be ...".</param>
    public Exception Wrong(string need) => error($"{file}: {(key.Length == 0 ? "the whole" : key)} is {Quoted}; it needs to be {need}.");

    private static JsonNode? Build(ref Utf8JsonReader reader, string file, string key, Func<string, Exception> error)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var members = new JsonObject();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var name = reader.GetString()!;
                    reader.Read();
                    if (!members.TryAdd(name, Build(ref reader, file, Join(key, name), error))) throw error($"{file}: {Join(key, name)} is there twice.");
                }
                return members;
            case JsonTokenType.StartArray:
                var items = new JsonArray();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray) items.Add(Build(ref reader, file, $"{key}[{items.Count}]", error));
                return items;
            case JsonTokenType.Number:
                var digits = Encoding.UTF8.GetString(reader.ValueSpan);
                if (!double.IsFinite(double.Parse(digits, CultureInfo.InvariantCulture))) throw error($"{file}: {key} is {digits}, which is too large for a number.");
                return JsonNode.Parse(digits);              // as it is written, so that no digit is lost
            case JsonTokenType.String: return JsonValue.Create(reader.GetString());
            case JsonTokenType.Null: return null;
            default: return JsonValue.Create(reader.GetBoolean());
        }
    }

    private static string Join(string key, string name) => key.Length == 0 ? name : $"{key}.{name}";

    // The rest says where in the library's types, or byte, it was.
    private static string FirstSentence(string message)
    {
        var end = message.IndexOf(" Path: ", StringComparison.Ordinal);
        return end < 0 ? message : message[..end];
    }
}
