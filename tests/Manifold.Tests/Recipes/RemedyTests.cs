using System.Text.RegularExpressions;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Recipes;
using Manifold.Training;
using TorchSharp;

namespace Manifold.Tests.Recipes;

/// <summary>What a message tells the reader to set is there to be set.</summary>
public partial class RemedyTests
{
    [GeneratedRegex(@"\b(?:model|data|trainer|objective|optimizer|generator|discriminator|schedule)\.[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?(?![a-z0-9_(/.])")]
    private static partial Regex Path();

    [GeneratedRegex(@"(?<![\w-])--[a-z][a-z-]+[a-z]")]
    private static partial Regex Option();

    // Only what stands between quotes; comments are not messages.
    private static IEnumerable<(string File, string Text)> Messages() =>
        from file in Directory.EnumerateFiles(Repository.File("src"), "*.cs", SearchOption.AllDirectories)
        where !Regex.IsMatch(file, "/(obj|bin)/")
        from line in File.ReadLines(file)
        let code = Regex.Replace(line, @"^\s*///?.*|\s//\s.*$", "")
        from Match text in Regex.Matches(code, "\"(?:[^\"\\\\]|\\\\.)*\"")
        select (System.IO.Path.GetRelativePath(Repository.File("src"), file), text.Value);

    private static HashSet<string> AllPaths(IEnumerable<RecipeEntry> recipes) =>
        [.. recipes.SelectMany(entry => Settings.Paths(entry.Default.ToJson())).SelectMany(path => new[] { path, path[..path.LastIndexOf('.')] })];

    [Fact]
    public void Every_setting_that_a_message_names_exists()
    {
        var known = AllPaths(RecipeList.All);
        var found = Messages().SelectMany(m => Path().Matches(m.Text).Select(path => (m.File, path.Value))).ToList();
        Assert.True(found.Count > 50);
        Assert.Empty(found.Where(one => !known.Contains(one.Value) && !IsNoSetting(one.Value)).Select(one => $"{one.File}: {one.Value}").Distinct());
    }

    // Facts of a run and names of files, which look alike.
    private static bool IsNoSetting(string path) => path is "data.fingerprint" || Regex.IsMatch(path, @"\.(json|jsonl|png|cs|bin|zip|safetensors|name|channels|train|validation|test|classes|height|width)$");

    // An adversarial model has no "optimizer", a likelihood model no "generator": what their advisors and refusals name is theirs.
    [Theory]
    [InlineData("dcgan", "generator.beta1=2", "generator.beta1 is 2")]
    [InlineData("dcgan", "discriminator.learning_rate=-1", "discriminator.learning_rate is -1")]
    [InlineData("gan-ring", "discriminator.clip_norm=0", "discriminator.clip_norm is 0")]
    [InlineData("vae", "optimizer.beta1=2", "optimizer.beta1 is 2")]
    [InlineData("made", "optimizer.epsilon=-1", "optimizer.epsilon is -1")]
    [InlineData("features", "optimizer.alpha=1", "optimizer.alpha is 1")]
    public void A_refused_setting_is_named_as_it_was_set(string recipe, string change, string says)
    {
        var made = Settings.With(RecipeList.Find(recipe).Tiny, [change]);
        var facts = recipe.EndsWith("ring", StringComparison.Ordinal) ? new DataFacts("ring", "", 2, 1, 1, 100, 10, 10) : new DataFacts("x", "", 1, 16, 16, 100, 10, 10, 10);
        Assert.StartsWith(says, Assert.Throws<ArgumentOutOfRangeException>(() => { made.Build(facts, torch.CPU); }).Message);
    }

    [Theory]
    [InlineData("dcgan")]
    [InlineData("vae")]
    [InlineData("made")]
    [InlineData("features")]
    public void The_remedy_of_a_divergence_can_be_followed(string recipe)
    {
        var paths = recipe == "dcgan" ? new[] { "generator", "discriminator" } : ["optimizer"];
        var message = new NonFiniteException("loss", 100, 0, null, paths).Message;
        var known = AllPaths([RecipeList.Find(recipe)]);
        var named = Regex.Matches(message, @"--set ([a-z_.]+)=").Select(m => m.Groups[1].Value.TrimEnd('.')).ToList();
        Assert.NotEmpty(named);
        Assert.All(named, path => Assert.Contains(path, known));
        Assert.All(named, path => Assert.Contains($"--allow-change {path}", message));
    }

    // score and complete read files by themselves and can leave none out.
    [Fact]
    public void A_file_that_is_read_alone_is_not_told_of_skipping()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["x.png"], "hello");
        var message = Assert.Throws<DataException>(() => Split.OfFiles([folder["x.png"]], new PictureShape(1, 4, 4), new DataSettings())).Message;
        Assert.DoesNotContain("--skip-bad", message);
        Assert.Contains("x.png", message);
    }

    [Fact]
    public void Every_option_that_a_message_names_exists()
    {
        var options = new HashSet<string>(Directory.EnumerateFiles(Repository.File("src/Manifold.Cli"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => Regex.Matches(File.ReadAllText(file), "\"(--[a-z][a-z-]+)\"").Select(m => m.Groups[1].Value))) { "--help", "--version" };
        Assert.True(options.Count > 30);
        Assert.Empty(Messages().SelectMany(m => Option().Matches(m.Text).Select(option => (m.File, option.Value))).Where(one => !options.Contains(one.Value)).Select(one => $"{one.File}: {one.Value}").Distinct());
    }
}
