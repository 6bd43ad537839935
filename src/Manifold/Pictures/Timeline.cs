using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Manifold.Data;

namespace Manifold.Pictures;

/// <summary>Every look of a run, one after another: as an animation, and as a page with one slider.</summary>
public static class Timeline
{
    /// <summary>The pictures fakes*.png of a run's folder, oldest first, each with the thousands of examples that it was taken at.</summary>
    /// <exception cref="DataException">There are none, or one cannot be read.</exception>
    public static IReadOnlyList<(long Thousands, string Path)> Looks(string run)
    {
        var looks = Directory.GetFiles(run, "fakes*.png").Order(StringComparer.Ordinal)
            .Select(path => (Parsed: long.TryParse(Path.GetFileNameWithoutExtension(path).AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var thousands), thousands, path))
            .Where(look => look.Parsed).Select(look => (look.thousands, look.path)).ToList();
        return looks.Count > 0 ? looks : throw new DataException($"{run} has no pictures fakes*.png; a run draws them as it trains.");
    }

    /// <summary>An animation of the looks; the last stays the longest.</summary>
    /// <exception cref="DataException">A picture cannot be read, or they are not of one size.</exception>
    public static byte[] ToGif(IReadOnlyList<(long Thousands, string Path)> looks)
    {
        var frames = looks.Select(look =>
        {
            var pixels = PictureFile.Decode(File.ReadAllBytes(look.Path), look.Path);
            var (channels, height, width) = (pixels.Shape.Channels, pixels.Shape.Height, pixels.Shape.Width);
            var interleaved = new byte[pixels.Values.Length];
            for (var c = 0; c < channels; c++)
                for (var i = 0; i < height * width; i++)
                    interleaved[i * channels + c] = pixels.Values[c * height * width + i];
            return new Picture(height, width, channels, interleaved);
        }).ToList();
        if (frames.Select(frame => (frame.Height, frame.Width)).Distinct().Count() > 1) throw new DataException("The looks are not of one size; they are of several runs.");
        return Gif.Of([.. frames, .. Enumerable.Repeat(frames[^1], 4)]);
    }

    /// <summary>A page that needs nothing beside itself: the pictures inside it, one slider, and what the log says at each.</summary>
    /// <param name="stats">Lines of stats.jsonl.</param>
    public static string ToHtml(string title, IReadOnlyList<(long Thousands, string Path)> looks, IEnumerable<string> stats)
    {
        var log = stats.Select(Parsed).OfType<JsonObject>().Where(line => line["examples"] is not null && line["advice"] is null).ToList();
        var frames = new JsonArray([.. looks.Select(look =>
        {
            var line = log.LastOrDefault(entry => (long)entry["examples"]! / 1000 <= look.Thousands);
            var values = line is null ? "" : string.Join("   ", line.Where(value => value.Key is not ("examples" or "seconds") && value.Value is not null).Select(value => string.Create(CultureInfo.InvariantCulture, $"{value.Key} {(double)value.Value!:G4}")));
            return new JsonObject { ["at"] = string.Create(CultureInfo.InvariantCulture, $"{look.Thousands:N0} thousand examples"), ["log"] = values, ["png"] = Convert.ToBase64String(File.ReadAllBytes(look.Path)) };
        })]);
        var page = new StringBuilder();
        page.Append("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>").Append(Escaped(title)).Append("</title>\n");
        page.Append("<style>body{font:15px sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#222;background:#fff}img{image-rendering:pixelated;max-width:100%;min-width:20em;border:1px solid #ccc}input{width:100%}p{font-family:monospace;white-space:pre-wrap;color:#555}</style>\n");
        page.Append("<h1>").Append(Escaped(title)).Append("</h1>\n<label for=\"at\" id=\"when\"></label>\n<input id=\"at\" type=\"range\" min=\"0\" max=\"").Append(looks.Count - 1).Append("\" value=\"").Append(looks.Count - 1).Append("\">\n<div><img id=\"picture\" alt=\"samples at this time\"></div>\n<p id=\"log\"></p>\n");
        page.Append("<script>\nconst frames = ").Append(frames.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.Default })).Append(";\n");
        page.Append("const at = document.getElementById('at');\nfunction show() { const f = frames[at.value]; document.getElementById('picture').src = 'data:image/png;base64,' + f.png; document.getElementById('when').textContent = f.at; document.getElementById('log').textContent = f.log; }\nat.addEventListener('input', show);\nshow();\n</script>\n</html>\n");
        return page.ToString();
    }

    private static JsonObject? Parsed(string line)
    {
        try { return JsonNode.Parse(line) as JsonObject; }
        catch (JsonException) { return null; }                                   // a last line that a kill has torn
    }

    private static string Escaped(string text) => System.Net.WebUtility.HtmlEncode(text);
}
