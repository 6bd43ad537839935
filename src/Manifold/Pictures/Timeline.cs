using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Manifold.Data;
using Manifold.Engine;

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
            var pixels = PictureFile.Decode(Png(look.Path), look.Path);
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
    /// <param name="file">Where they are from, for messages.</param>
    public static string ToHtml(
        string title, IReadOnlyList<(long Thousands, string Path)> looks, IEnumerable<string> stats, string file = "stats.jsonl")
    {
        var log = Log(stats, file);
        var frames = new JsonArray([.. looks.Select(look =>
        {
            var values = log.LastOrDefault(line => line.Examples / 1000 <= look.Thousands).Values ?? "";
            return new JsonObject { ["at"] = string.Create(CultureInfo.InvariantCulture, $"{look.Thousands:N0} thousand examples"), ["log"] = values, ["png"] = Convert.ToBase64String(Png(look.Path)) };
        })]);
        var page = new StringBuilder();
        page.Append("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>").Append(Escaped(title)).Append("</title>\n");
        page.Append("<style>body{font:15px sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#222;background:#fff}img{image-rendering:pixelated;max-width:100%;min-width:20em;border:1px solid #ccc}input{width:100%}p{font-family:monospace;white-space:pre-wrap;color:#555}</style>\n");
        page.Append("<h1>").Append(Escaped(title)).Append("</h1>\n<label for=\"at\" id=\"when\"></label>\n<input id=\"at\" type=\"range\" min=\"0\" max=\"").Append(looks.Count - 1).Append("\" value=\"").Append(looks.Count - 1).Append("\">\n<div><img id=\"picture\" alt=\"samples at this time\"></div>\n<p id=\"log\"></p>\n");
        page.Append("<script>\nconst frames = ").Append(frames.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.Default })).Append(";\n");
        page.Append("const at = document.getElementById('at');\nfunction show() { const f = frames[at.value]; document.getElementById('picture').src = 'data:image/png;base64,' + f.png; document.getElementById('when').textContent = f.at; document.getElementById('log').textContent = f.log; }\nat.addEventListener('input', show);\nshow();\n</script>\n</html>\n");
        return page.ToString();
    }

    private const long LargestPicture = 64 << 20;                                // bytes

    /// <exception cref="DataException">It is no regular file, or too large.</exception>
    private static byte[] Png(string path)
    {
        try { return RegularFile.ReadAll(path, LargestPicture); }
        catch (IOException e) { throw new DataException($"{path} cannot be shown: {e.Message}", e); }
    }

    // What was measured at each line; lines of advice have no numbers.
    private static List<(long Examples, string Values)> Log(IEnumerable<string> stats, string file)
    {
        var log = new List<(long, string)>();
        DataException? torn = null;
        foreach (var (number, text) in stats.Index())
        {
            if (torn is not null) throw torn;                                    // a kill tears the last line, and no other
            try
            {
                var line = StrictJson.Parse(text, $"{file}, line {number + 1}",
                    why => new DataException($"{why} Delete that line to have the page without it."));
                if (line.Find("advice") is not null) continue;
                var values = line.Members().Where(value => value.Name is not ("examples" or "seconds") && value.Value.Node is not null)
                    .Select(value => string.Create(CultureInfo.InvariantCulture, $"{value.Name} {value.Value.Number():G4}"));
                log.Add((line["examples"].Count(), string.Join("   ", values)));
            }
            catch (DataException e) { torn = e; }
        }
        return log;
    }

    private static string Escaped(string text) => System.Net.WebUtility.HtmlEncode(text);
}
