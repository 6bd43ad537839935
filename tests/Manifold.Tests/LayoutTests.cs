using System.Text.RegularExpressions;
using Manifold.Engine;

namespace Manifold.Tests;

/// <summary>The library's folders follow the flow of a picture, and each uses only what stands to its left.</summary>
public partial class LayoutTests
{
    private static readonly string[] order =
    [
        "Engine", "Data", "Distributions", "Layers", "Models", "Objectives", "Training", "Checkpoints", "Sampling", "Evaluation", "Pictures", "Applications", "Recipes",
    ];

    private static readonly ILookup<string, string> types = typeof(Native).Assembly.GetTypes()
        .Where(t => !t.IsNested && t.Namespace?.StartsWith("Manifold.", StringComparison.Ordinal) == true)
        .ToLookup(t => t.Namespace!.Split('.')[1], t => t.Name.Split('`')[0]);

    private static IEnumerable<string> Sources() => Directory.EnumerateFiles(Repository.File("src/Manifold"), "*.cs", SearchOption.AllDirectories)
        .Where(file => !Relative(file).StartsWith("obj/", StringComparison.Ordinal) && !Relative(file).StartsWith("bin/", StringComparison.Ordinal));

    private static string Relative(string file) => Path.GetRelativePath(Repository.File("src/Manifold"), file);

    [Fact]
    public void A_folder_looks_only_left() =>
        Assert.Empty(Sources().SelectMany(file => RightOf(Relative(file).Split('/')[0], File.ReadAllText(file)).Select(what => $"{Relative(file)} uses {what}")));

    [Fact]
    public void Every_file_lies_in_one_of_the_folders_and_has_its_namespace() =>
        Assert.All(Sources(), file =>
        {
            var room = Relative(file).Split('/')[0];
            Assert.Contains(room, order);
            Assert.Matches($@"(?m)^namespace Manifold\.{room}(\.\w+)*;", File.ReadAllText(file));
        });

    [Fact]
    public void Every_public_type_says_what_it_is() =>
        Assert.Empty(Sources().SelectMany(file => Undocumented(File.ReadAllLines(file)).Select(type => $"{Relative(file)}: {type} has no summary")));

    // The checks themselves, on code that breaks the rules.
    [Theory]
    [InlineData("using Manifold.Training;")]
    [InlineData("using static Manifold.Training.Trainer;")]
    [InlineData("using Shortcut = Manifold.Training.IAlgorithm;")]
    [InlineData("var x = new Manifold.Training.Anything();")]
    [InlineData("var x = global::Manifold.Training.Anything.Make();")]
    [InlineData("IEnumerable<Training.IAlgorithm> x;")]
    public void A_look_to_the_right_is_seen(string code)
    {
        Assert.NotEmpty(RightOf("Engine", code));
        Assert.Empty(RightOf("Recipes", code));
    }

    [Theory]
    [InlineData("// using Manifold.Training;")]
    [InlineData("/// <see cref=\"Manifold.Training.IAlgorithm\"/>")]
    [InlineData("var rate = settings.Training.Rate;")]
    [InlineData("using Manifold.Engine;")]
    public void What_is_no_look_to_the_right_is_left_alone(string code) => Assert.Empty(RightOf("Engine", code));

    [Theory]
    [InlineData("public class A;", 1)]
    [InlineData("[Flags]\npublic enum A { B }", 1)]
    [InlineData("/// <summary>Is.</summary>\n[Flags]\npublic enum A { B }", 0)]
    [InlineData("/// <summary>Is.</summary>\npublic sealed record A(int B)", 0)]
    [InlineData("internal class A;", 0)]
    public void A_type_without_a_summary_is_seen(string code, int count) => Assert.Equal(count, Undocumented(code.Split('\n')).Count());

    private static IEnumerable<string> RightOf(string room, string code)
    {
        code = Comment().Replace(code, "");
        foreach (var right in order.SkipWhile(name => name != room).Skip(1))
        {
            if (Regex.IsMatch(code, $@"\bManifold\.{right}\b")) yield return $"Manifold.{right}";
            // Inside the namespace, `Training.Trainer` is Manifold.Training.Trainer; `x.Training.Rate` is a property.
            else if (types[right].FirstOrDefault(type => Regex.IsMatch(code, $@"(?<![\w.]){right}\.{type}\b")) is { } type) yield return $"{right}.{type}";
        }
    }

    private static IEnumerable<string> Undocumented(string[] lines) =>
        from i in Enumerable.Range(0, lines.Length)
        let type = PublicType().Match(lines[i])
        where type.Success && !lines[..i].Reverse().SkipWhile(line => line.TrimStart().StartsWith('[')).FirstOrDefault("").TrimStart().StartsWith("///", StringComparison.Ordinal)
        select type.Groups[1].Value;

    [GeneratedRegex(@"(?m)//.*$")]
    private static partial Regex Comment();

    [GeneratedRegex(@"^\s*public (?:(?:static|sealed|abstract|partial|readonly|unsafe|ref) )*(?:class|record struct|record class|record|struct|interface|enum) (\w+)")]
    private static partial Regex PublicType();
}
