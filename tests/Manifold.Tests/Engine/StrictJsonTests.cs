using System.Text;
using Manifold.Engine;

namespace Manifold.Tests.Engine;

public class StrictJsonTests
{
    private static StrictJson Parse(string text) => StrictJson.Parse(text, "a.json", why => new FormatException(why));

    [Theory]
    [InlineData("", "a.json is empty.")]
    [InlineData("{", "a.json is not valid JSON")]
    [InlineData("{} {}", "a.json is not valid JSON")]
    [InlineData("{\"a\":1,}", "a.json is not valid JSON")]
    [InlineData("{\"a\":1 /* */}", "a.json is not valid JSON")]
    [InlineData("{\"a\":NaN}", "a.json is not valid JSON")]
    [InlineData("{\"a\":\"\\ud800\"}", "a.json is not valid JSON")]
    [InlineData("{\"a\":{\"b\":1,\"b\":1}}", "a.json: a.b is there twice.")]
    [InlineData("{\"a\":[0,1e999]}", "a.json: a[1] is 1e999, which is too large for a number.")]
    [InlineData("{\"a\":[0,-1e999]}", "a.json: a[1] is -1e999, which is too large for a number.")]
    public void What_is_no_strict_json_is_refused_by_file_and_key(string text, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => Parse(text)).Message);

    [Fact]
    public void Depth_is_limited() => Assert.Throws<FormatException>(() => Parse(new string('[', 33) + new string(']', 33)));

    [Fact]
    public void Bytes_that_are_no_text_are_refused() =>
        Assert.Throws<FormatException>(() => StrictJson.Parse([(byte)'"', 0xFF, (byte)'"'], "a.json", why => new FormatException(why)));

    [Theory]
    [InlineData("null", "a is null; it needs to be a whole number of 0 or more.")]
    [InlineData("-1", "a is -1;")]
    [InlineData("0.5", "a is 0.5;")]
    [InlineData("1e2", "a is 1e2;")]
    [InlineData("\"1\"", "a is \"1\";")]
    [InlineData("9223372036854775808", "a is 9223372036854775808;")]
    [InlineData("[]", "a is [];")]
    public void A_count_is_a_whole_number_of_at_least_nothing(string value, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => Parse($"{{\"a\":{value}}}")["a"].Count()).Message);

    [Fact]
    public void What_is_asked_for_and_not_there_is_named()
    {
        Assert.Equal("a.json has no b.c.", Assert.Throws<FormatException>(() => Parse("{\"b\":{}}")["b"]["c"]).Message);
        Assert.Equal("a.json: b.d is unknown; there are c.", Assert.Throws<FormatException>(() => Parse("{\"b\":{\"d\":1}}")["b"].Only("c")).Message);
        Assert.Contains("b is 5; it needs to be an object", Assert.Throws<FormatException>(() => Parse("{\"b\":5}")["b"].Members().ToList()).Message);
        Assert.Contains("b is 5; it needs to be a list", Assert.Throws<FormatException>(() => Parse("{\"b\":5}")["b"].Items()).Message);
        Assert.Contains("b is 5; it needs to be a text", Assert.Throws<FormatException>(() => Parse("{\"b\":5}")["b"].Text()).Message);
        Assert.Contains("b is \"x\"; it needs to be a number", Assert.Throws<FormatException>(() => Parse("{\"b\":\"x\"}")["b"].Number()).Message);
        Assert.Null(Parse("{\"b\":null}").Find("b"));
        Assert.Null(Parse("{}").Find("b"));
    }

    [Fact]
    public void What_is_well_formed_comes_back()
    {
        var json = Parse("""{"text":"a\u00e9","count":12,"number":-1.5e-3,"list":[1,null,true],"none":null}""");
        Assert.Equal(("aé", 12, -1.5e-3, 3), (json["text"].Text(), json["count"].Count(), json["number"].Number(), json["list"].Items().Count));
        Assert.Equal("""{"text":"a\u00E9","count":12,"number":-1.5e-3,"list":[1,null,true],"none":null}""", json.Object().ToJsonString());
    }

    // Regular files only: a link leads out of the folder, and a pipe or a device has no end.
    [Fact]
    public void Links_pipes_devices_and_files_that_are_too_large_are_not_read()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["file"], "{}");
        File.CreateSymbolicLink(folder["link"], folder["file"]);
        File.CreateSymbolicLink(folder["zero"], "/dev/zero");
        Assert.Equal(0, Child.Run("mkfifo", [folder["pipe"]]).ExitCode);
        foreach (var (name, message) in new[] { ("link", "symbolic link"), ("zero", "symbolic link"), ("pipe", "pipe"), (".", "a folder") })
            Assert.Contains(message, Assert.Throws<IOException>(() => RegularFile.ReadAll(folder[name], 100)).Message);
        Assert.Contains("device", Assert.Throws<IOException>(() => RegularFile.ReadAll("/dev/zero", 100)).Message);
        Assert.Contains("at most 1 are read", Assert.Throws<IOException>(() => RegularFile.ReadAll(folder["file"], 1)).Message);
        Assert.Throws<FileNotFoundException>(() => RegularFile.ReadAll(folder["none"], 1));
        Assert.Equal("{}", Encoding.UTF8.GetString(RegularFile.ReadAll(folder["file"], 2)));
        Assert.Throws<IOException>(() => RegularFile.Append(folder["link"], "x"));
        Assert.Equal("{}", File.ReadAllText(folder["file"]));
    }

    [Theory]
    [InlineData("runs/first", "runs/first")]
    [InlineData("my runs/it's", "'my runs/it'\\''s'")]
    [InlineData("$HOME", "'$HOME'")]
    [InlineData("~x", "'~x'")]
    [InlineData("-x", "./-x")]
    [InlineData("", "''")]
    [InlineData("über", "'über'")]
    public void A_path_is_quoted_for_the_shell(string path, string expected)
    {
        Assert.Equal(expected, ShellText.QuotedPath(path));
        var word = Child.Run("sh", ["-c", $"printf %s {expected}"]).Output;
        Assert.Equal(path.StartsWith('-') ? $"./{path}" : path, word);
    }
}
