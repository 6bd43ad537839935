using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Manifold.Tests.Cli;

/// <summary>A game that is stopped by its samples, as people stop it.</summary>
public partial class PlateauVerbTests
{
    // A generator that stands still: no look is better than the first of the averages, whichever that is.
    private static readonly string[] still =
    [
        "--set", "model.width=4", "--set", "model.latent_dim=4", "--set", "data.size=16", "--set", "trainer.batch_size=20", "--set", "trainer.log_every=200", "--set", "trainer.look_every=40",
        "--set", "trainer.save_every=100", "--set", "generator.learning_rate=1e-30", "--threads", "1",
    ];

    [Fact]
    public void A_game_stops_by_its_samples_keeps_the_best_and_says_how_to_go_on()
    {
        using var folder = new TemporaryFolder();
        var run = folder["run"];
        var (code, output, error) = ManifoldProcess.Run(["train", "dcgan", "--run", run, "--examples", "2000", "--stop-when", "plateau", "--best-by", "fid_lenet_50", "--patience", "120", .. still]);
        Assert.True(code == 0, error);
        var said = Stopped().Match(output);
        Assert.True(said.Success, output);
        long seen = long.Parse(said.Groups[1].Value), at = long.Parse(said.Groups[2].Value);
        Assert.Equal(120, seen - at);
        Assert.Contains("--patience", ManifoldProcess.Run("train", "--help").Output);

        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(run, "config.json")))!;
        var trainer = config["settings"]!["trainer"]!;
        Assert.Equal(("plateau", "fid_lenet_50", 120, null), ((string?)trainer["stop_when"], (string?)trainer["best_by"], (long)trainer["patience"]!, trainer["features"]));
        Assert.Equal(16, ((string)config["extractor"]!).Length);
        var best = JsonNode.Parse(File.ReadAllText(Path.Combine(run, $"checkpoint-{at:D12}", "state.json")))!;

        // What evaluate takes, and finds.
        var measured = JsonNode.Parse(ManifoldProcess.Run("evaluate", run, "--metrics", "fid_lenet_50", "--threads", "1", "--json").Output)!;
        Assert.Equal((at, (double)best["score"]!), ((long)measured["examples_seen"]!, (double)measured["value"]!));

        // Again: nothing but how to go on, which is then done.
        var again = ManifoldProcess.Run("train", "dcgan", "--run", run, "--threads", "1");
        Assert.Equal(0, again.Code);
        Assert.Contains($"This run has ended on a plateau, at {seen} examples: fid_lenet_50 was best at {at},", again.Output);
        Assert.Contains("--patience 240, or", again.Output);
        var more = ManifoldProcess.Run("train", "dcgan", "--run", run, "--threads", "1", "--patience", "160");
        Assert.True(more.Code == 0, more.Error);
        Assert.Equal(160, long.Parse(Stopped().Match(more.Output).Groups[1].Value) - at);
        var end = ManifoldProcess.Run("train", "dcgan", "--run", run, "--threads", "1", "--stop-when", "never", "--examples", "2000", "--allow-change", "trainer.stop_when");
        Assert.True(end.Code == 0, end.Error);
        Assert.Contains("2,000 examples done", end.Output);
    }

    [Theory]
    [InlineData("Name what does, such as --best-by fid_lenet_1000.", "--stop-when", "plateau")]
    [InlineData("Did you mean \"fid_lenet_1000\"?", "--stop-when", "plateau", "--best-by", "fid_lent_1000")]
    [InlineData("it needs one of never, plateau.", "--stop-when", "plateu")]
    [InlineData("Add --stop-when plateau.", "--patience", "100")]
    [InlineData("There is no file nowhere", "--best-by", "fid_script_50", "--features", "nowhere")]
    [InlineData("of which it is known which way is better", "--best-by", "g_loss", "--dry-run")]
    public void What_says_nothing_is_refused_with_the_way_out(string message, params string[] options)
    {
        using var folder = new TemporaryFolder();
        var (code, _, error) = ManifoldProcess.Run(["train", "dcgan", "--run", folder["run"], .. options, .. still]);
        Assert.Equal(2, code);
        Assert.Contains(message, error);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Fact]
    public void A_resume_within_the_patience_is_proved_by_the_command()
    {
        var (code, output, error) = ManifoldProcess.Run(["verify-resume", "dcgan", "--examples", "600", "--set", "trainer.stop_when=plateau", "--set", "trainer.best_by=swd_20", "--set", "trainer.patience=120", .. still]);
        Assert.True(code == 0, error + output);
        Assert.Matches(@"plateau\.safetensors\s+the same bytes", output);
        Assert.Contains("Exact", output);
    }

    [GeneratedRegex(@"Stopped at (\d+) examples, on a plateau: fid_lenet_50 was best at (\d+), [0-9.]+, and no better in the 1[26]0 since\. Sampling and evaluation take the best: \./manifold sample ")]
    private static partial Regex Stopped();
}
