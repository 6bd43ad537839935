using System.CommandLine;
using Manifold.Cli;

namespace Manifold.Tests.Cli;

public class CommandLineTests
{
    [Theory]
    [InlineData(new[] { "doctr" }, "manifold: Unrecognized command or argument 'doctr'. Did you mean \"doctor\"?")]
    [InlineData(new[] { "doctor", "--jsn" }, "manifold doctor: Unrecognized command or argument '--jsn'. Did you mean \"--json\"?")]
    [InlineData(new[] { "data", "lst" }, "manifold data: Unrecognized command or argument 'lst'. Did you mean \"list\"?")]
    [InlineData(new[] { "doctor", "everything" }, "manifold doctor: Unrecognized command or argument 'everything'.")]
    public void Wrong_usage_ends_with_2_and_says_what_was_probably_meant(string[] args, string said)
    {
        var (code, output, error) = Run(args);
        Assert.Equal(2, code);
        Assert.Empty(output);
        Assert.StartsWith(said + "\n", error);
        Assert.Contains("--help` shows", error);
    }

    [Fact]
    public void Without_arguments_help_is_shown()
    {
        var (code, output, _) = Run([]);
        Assert.Equal(0, code);
        Assert.Contains("doctor", output);
        Assert.Equal(Run(["--help"]).Output, output);
    }

    [Fact]
    public void Every_help_ends_with_an_example_that_parses()
    {
        var root = CommandLine.Root();
        foreach (var command in All(root))
        {
            var examples = Examples.Of(command);
            Assert.True(examples.Count > 0, $"`manifold {command.Name}` has no example; add one with WithExample.");
            foreach (var example in examples)
            {
                Assert.StartsWith("./manifold ", example);
                Assert.Empty(root.Parse(example["./manifold ".Length..]).Errors);
            }
            string[] path = [.. Path(command), "--help"];
            Assert.EndsWith($"  {examples[^1]}\n", Run(path).Output);
        }
    }

    [Fact]
    public void Help_answers_even_where_the_rest_is_wrong() => Assert.Equal(0, Run(["doctor", "--jsn", "--help"]).Code);

    /// <summary>Every option of a number in every command, with texts that a lenient parser reads as another number.</summary>
    [Fact]
    public void Number_options_refuse_thousands_separators_decimal_commas_and_what_is_not_finite()
    {
        var root = CommandLine.Root();
        var tried = 0;
        foreach (var command in All(root))
            foreach (var option in command.Options.Where(option => IsNumber(option.ValueType)))
                foreach (var text in new[] { "0,5", "1,000", "1,2,3", "1 000", "1_000", "1.000,5", "(5)", "$5", "0x10", "NaN", "Infinity", "1e999", "99999999999999999999", " 5", "5 " })
                {
                    if (text == "99999999999999999999" && !IsWhole(option.ValueType)) continue;
                    var errors = root.Parse([.. Path(command), option.Name, text]).Errors.Select(error => error.Message).ToList();
                    Assert.Contains(errors, error => error.StartsWith($"{option.Name} is {text}; it needs a ", StringComparison.Ordinal));
                    tried++;
                }
        Assert.True(tried > 300, $"only {tried} were tried");
    }

    [Theory]
    [InlineData("0.5", 0.5)]
    [InlineData("5e-1", 0.5)]
    [InlineData("-2", -2.0)]
    [InlineData(".25", 0.25)]
    public void Number_options_take_decimal_points_signs_and_exponents(string text, double value)
    {
        var parse = CommandLine.Root().Parse(["sample", "runs/first", "--truncation", text]);
        Assert.Empty(parse.Errors);
        Assert.Equal(value, parse.GetValue<double?>("--truncation"));
    }

    [Fact]
    public void Whole_number_options_keep_their_defaults()
    {
        var parse = CommandLine.Root().Parse(["interpolate", "runs/first"]);
        Assert.Equal(10, parse.GetValue<int>("--steps"));
        Assert.Equal(12, CommandLine.Root().Parse(["interpolate", "runs/first", "--steps", "12"]).GetValue<int>("--steps"));
    }

    private static bool IsNumber(Type type) => IsWhole(type) || (Nullable.GetUnderlyingType(type) ?? type) == typeof(double);

    private static bool IsWhole(Type type) => (Nullable.GetUnderlyingType(type) ?? type) is var bare && (bare == typeof(int) || bare == typeof(long));

    [Fact]
    public void The_doctor_says_that_training_works_where_the_tests_run()
    {
        var (code, output, _) = Run(["doctor"]);
        Assert.True(code == 0, output);
        Assert.EndsWith("training works here\n", output);
        Assert.All(output.TrimEnd('\n').Split('\n'), line => Assert.Matches(@"^(\S+| ) +\S", line));     // a line a fact, aligned
    }

    private static IEnumerable<Command> All(Command command) => command.Subcommands.SelectMany(All).Prepend(command);

    private static IEnumerable<string> Path(Command command) =>
        command.Parents.OfType<Command>().FirstOrDefault() is { } parent ? Path(parent).Append(command.Name) : [];

    private static (int Code, string Output, string Error) Run(string[] args)
    {
        using StringWriter output = new(), error = new();
        return (CommandLine.Run(args, output, error), output.ToString(), error.ToString());
    }
}
