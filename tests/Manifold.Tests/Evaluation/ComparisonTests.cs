using Manifold.Evaluation;

namespace Manifold.Tests.Evaluation;

public class ComparisonTests
{
    private static void Write(TemporaryFolder folder, string run, double value, string hash = "aa", string better = "lower")
    {
        Directory.CreateDirectory(folder[run]);
        File.AppendAllText(folder[$"{run}/metric-fid_lenet_1000.jsonl"], $$"""{"metric":"fid_lenet_1000","value":{{value}},"better":"{{better}}","extractor_sha256":"{{hash}}","count":1000,"weights":"ema","examples_seen":5000}""" + "\n");
    }

    [Fact]
    public void Runs_that_were_measured_alike_are_ranked_by_their_newest_lines()
    {
        using var folder = new TemporaryFolder();
        Write(folder, "a", 9);
        Write(folder, "a", 3);
        Write(folder, "b", 2);
        Write(folder, "c", 5);
        var comparison = Assert.Single(Comparison.Of([folder["a"], folder["b"], folder["c"]]));
        Assert.Equal([2, 3, 5], Assert.Single(comparison.Groups).Select(row => row.Value));
        Assert.Empty(comparison.Differs);
    }

    [Fact]
    public void Unlike_lines_are_kept_apart_and_it_is_said_in_what_they_differ()
    {
        using var folder = new TemporaryFolder();
        Write(folder, "a", 9);
        Write(folder, "b", 2, hash: "bb");
        var comparison = Assert.Single(Comparison.Of([folder["a"], folder["b"]], "fid_lenet_1000"));
        Assert.Equal(2, comparison.Groups.Count);
        Assert.Equal(["extractor_sha256"], comparison.Differs);
        Assert.Equal(2, comparison.Lines().Count(line => line.Contains("not to be compared with the others: extractor_sha256")));
    }

    // What a metric found is no protocol, also in lines of an older Manifold, which have the levels of swd_N under the name of the data's.
    [Fact]
    public void Results_in_a_line_keep_no_runs_apart()
    {
        using var folder = new TemporaryFolder();
        void Swd(string run, double value, string levels)
        {
            Directory.CreateDirectory(folder[run]);
            File.WriteAllText(folder[$"{run}/metric-swd_400.jsonl"], $$"""{"metric":"swd_400","value":{{value}},"better":"lower",{{levels}},"count":400,"weights":"ema","examples_seen":5000}""" + "\n");
        }
        Swd("a", 40, "\"levels\":[30.5,49.5]");
        Swd("b", 30, "\"levels\":[20.5,39.5]");
        Swd("c", 20, "\"by_level\":[10.5,29.5]");
        var comparison = Assert.Single(Comparison.Of([folder["a"], folder["b"], folder["c"]]));
        Assert.Equal([20, 30, 40], Assert.Single(comparison.Groups).Select(row => row.Value));
        Assert.Equal(4, comparison.Lines().Count());
        Swd("d", 10, "\"levels\":16");
        var apart = Assert.Single(Comparison.Of([folder["a"], folder["d"]]));
        Assert.Equal(["levels"], apart.Differs);
        Assert.All(apart.Lines(), line => Assert.DoesNotContain('\n', line));
        Assert.Contains(apart.Lines(), line => line.EndsWith("levels 16", StringComparison.Ordinal));
    }

    [Fact]
    public void Higher_is_better_where_the_line_says_so()
    {
        using var folder = new TemporaryFolder();
        Write(folder, "a", 1, better: "higher");
        Write(folder, "b", 2, better: "higher");
        Assert.Equal([2, 1], Comparison.Of([folder["a"], folder["b"]])[0].Groups[0].Select(row => row.Value));
    }

    [Fact]
    public void What_is_missing_is_said()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["empty"]);
        Assert.Contains("There is no run", Assert.Throws<MetricException>(() => Comparison.Of([folder["none"]])).Message);
        Assert.Contains("has no measurements", Assert.Throws<MetricException>(() => Comparison.Of([folder["empty"]])).Message);
        Write(folder, "a", 1);
        Assert.Contains("No run has a measurement of kid_lenet_10", Assert.Throws<MetricException>(() => Comparison.Of([folder["a"]], "kid_lenet_10")).Message);
    }

    [Theory]
    [InlineData("""{"metric":"swd_400","better":"lower"}""", "has no value")]
    [InlineData("""{"metric":"a\u001b[31m","value":1,"better":"lower"}""", "is of another metric")]
    [InlineData("""{"metric":"fid_lenet_1000","value":1,"better":"lower"}""", "is of another metric")]
    public void A_line_without_a_value_or_of_another_metric_is_refused_by_its_file(string line, string said)
    {
        using var temporary = new TemporaryFolder();
        File.WriteAllText(temporary["metric-swd_400.jsonl"], line + "\n");
        var error = Assert.Throws<MetricException>(() => Comparison.Of([temporary.Path]));
        Assert.Contains($"{temporary["metric-swd_400.jsonl"]} {said}", error.Message);
    }
}
