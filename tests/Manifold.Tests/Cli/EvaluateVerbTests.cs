using System.Text.Json.Nodes;
using Manifold.Recipes;
using Manifold.Tests.Evaluation;

namespace Manifold.Tests.Cli;

/// <summary>What `evaluate` prints and keeps, what `score` prints, and code that only the command line may name.</summary>
public sealed class EvaluateVerbTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static TrainingRequest Tiny(string recipe, string run, params string[] changes) =>
        new(RecipeList.Find(recipe) with { Default = RecipeList.Find(recipe).Tiny }) { Folder = run, Changes = changes };

    private string Trained(string recipe, params string[] changes)
    {
        var path = folder[$"run-{recipe}"];
        using var run = TrainingRun.Open(Tiny(recipe, path, ["trainer.examples=40", .. changes]));
        run.Train();
        return path;
    }

    // ---- numbers are printed before anything can go wrong with keeping them

    [Fact]
    public void A_number_that_cannot_be_kept_is_printed_and_said_to_be_lost_to_compare()
    {
        var run = Trained("vae");
        File.CreateSymbolicLink(Path.Combine(run, "metric-elbo.jsonl"), "/dev/full");      // a full disk
        Directory.CreateDirectory(Path.Combine(run, "metric-recon_mse.jsonl"));            // a folder that may not be written has the same error
        foreach (var json in new[] { false, true })
        {
            var (code, output, error) = ManifoldProcess.Run(["evaluate", run, "--metrics", "elbo,recon_mse,active_units", "--limit", "20", "--threads", "1", .. json ? ["--json"] : Array.Empty<string>()]);
            Assert.Equal(1, code);
            var lines = output.TrimEnd('\n').Split('\n');
            Assert.Equal(3, lines.Length);
            foreach (var (metric, line) in new[] { "elbo", "recon_mse", "active_units" }.Zip(lines)) Assert.Contains(metric, line);
            if (json) Assert.All(lines, line => Assert.NotNull(JsonNode.Parse(line)!["value"]));
            Assert.Contains("elbo was measured and is printed above", error);
            Assert.Contains("recon_mse was measured and is printed above", error);
            Assert.DoesNotContain("active_units was", error);
        }
        Assert.Equal(2, File.ReadLines(Path.Combine(run, "metric-active_units.jsonl")).Count());
    }

    [Fact]
    public void Neighbours_that_cannot_be_drawn_do_not_cost_the_number()
    {
        var run = Trained("dcgan");
        Directory.CreateDirectory(Path.Combine(run, "memorization_lenet_20-neighbours.png"));
        File.WriteAllText(Path.Combine(run, "memorization_lenet_20-neighbours.png", "x"), "");
        var (code, output, error) = ManifoldProcess.Run("evaluate", run, "--metrics", "memorization_lenet_20", "--threads", "1");
        Assert.Equal(1, code);
        Assert.StartsWith("memorization_lenet_20 ", output);
        Assert.Contains("was measured and is printed above", error);
        Assert.False(File.Exists(Path.Combine(run, "metric-memorization_lenet_20.jsonl")));
    }

    [Fact]
    public void The_kernel_distance_of_a_thousand_or_fewer_says_that_it_has_no_deviation()
    {
        var run = Trained("dcgan");
        var (code, output, error) = ManifoldProcess.Run("evaluate", run, "--metrics", "kid_lenet_30", "--threads", "1", "--json");
        Assert.True(code == 0, error);
        var line = JsonNode.Parse(output)!;
        Assert.Null(line["deviation"]);
        Assert.Equal((1, 30), ((int)line["subsets"]!, (int)line["subset_size"]!));
        Assert.Contains("one subset of all 30, which has no deviation", ManifoldProcess.Run("evaluate", run, "--metrics", "kid_lenet_30", "--threads", "1").Output);
    }

    [Fact]
    public void Two_runs_with_their_own_levels_of_the_sliced_distance_are_ranked_on_single_lines()
    {
        string[] runs = [Trained("dcgan"), Trained("lsgan")];
        foreach (var run in runs) Assert.Equal(0, ManifoldProcess.Run("evaluate", run, "--metrics", "swd_20", "--threads", "1").Code);
        var (code, output, _) = ManifoldProcess.Run(["compare", .. runs]);
        Assert.Equal(0, code);
        Assert.DoesNotContain("not to be compared", output);
        Assert.Equal(3, output.TrimEnd('\n').Split('\n').Length);                          // the metric, and a line a run
    }

    // ---- score

    [Fact]
    public void Score_prints_objects_alone_and_they_name_its_maps()
    {
        var run = Trained("made");
        var (code, output, error) = ManifoldProcess.Run("score", run, "--count", "3", "--json", "--out", folder["maps"]);
        Assert.True(code == 0, error);
        var lines = output.TrimEnd('\n').Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.All(lines, line => Assert.True(File.Exists((string)JsonNode.Parse(line)!["map"]!)));
        Assert.Null(JsonNode.Parse(ManifoldProcess.Run("score", run, "--count", "1", "--json").Output)!["map"]);
        Assert.Contains($"{folder["plain"]}/00000-", ManifoldProcess.Run("score", run, "--count", "1", "--out", folder["plain"]).Output);
    }

    [Theory]
    [InlineData("made", false, "score")]
    [InlineData("made", false, "complete")]
    [InlineData("made", false, "sample")]
    [InlineData("vae-2d", false, "manifold")]
    [InlineData("made", true, "score")]
    [InlineData("made", true, "complete")]
    [InlineData("vae-2d", true, "manifold")]
    public void A_class_that_the_model_is_not_told_is_refused_by_every_verb(string recipe, bool isTold, string verb)
    {
        var run = Trained(recipe, isTold ? ["model.conditional=true"] : []);
        var (code, _, error) = ManifoldProcess.Run(verb, run, "--class", isTold ? "10" : "3");
        Assert.Equal(2, code);
        Assert.Contains(isTold ? "--class is 10; the model has the classes 0 to 9" : "--class is 3; ", error);
        if (!isTold) Assert.Contains("not told the class", error);
    }

    [Fact]
    public void A_class_for_pictures_that_have_their_own_is_refused()
    {
        var run = Trained("made", "model.conditional=true");
        var (code, _, error) = ManifoldProcess.Run("score", run, "--class", "3");
        Assert.Equal(2, code);
        Assert.Contains("have their own", error);
    }

    // ---- TorchScript

    private string ScriptFile() => ScriptTests.Write(folder["net.pt"], "return torch.mean(img, [2, 3])");

    [Fact]
    public void A_script_of_the_command_line_is_said_to_be_code()
    {
        var run = Trained("dcgan");
        var (code, output, error) = ManifoldProcess.Run("evaluate", run, "--metrics", "fid_script_20", "--threads", "1", "--features", ScriptFile());
        Assert.True(code == 0, error);
        Assert.StartsWith("fid_script_20 ", output);
        Assert.Contains($"{folder["net.pt"]} is a TorchScript file, that is code (SHA-256 {Manifold.Evaluation.ScriptFile.Read(folder["net.pt"]).Hash})", error);
    }

    [Fact]
    public void A_run_takes_its_scores_with_a_script_only_while_the_command_names_it()
    {
        var run = folder["scored"];
        var script = ScriptFile();
        string[] scored = ["trainer.best_by=fid_script_20", "trainer.examples=80", "trainer.look_every=40", "trainer.save_every=40"];
        var warnings = new List<string>();
        using (var first = TrainingRun.Open(Tiny("dcgan", run, [.. scored, $"trainer.features={script}"]) with { Warn = warnings.Add })) first.Train();
        Assert.Contains(warnings, warning => warning.Contains("that is code (SHA-256 "));
        Assert.NotNull(Manifold.Checkpoints.RunFolder.Read(run).Best);

        var error = Assert.Throws<SettingsException>(() => TrainingRun.Open(Tiny("dcgan", run, "trainer.examples=120"))).Message;
        Assert.Contains($"{script} is a TorchScript file, that is code, and runs only where the command itself names it. Add --features {script}", error);
        var (code, _, said) = ManifoldProcess.Run("train", "dcgan", "--run", run, "--threads", $"{Manifold.Engine.Machine.Threads}");
        Assert.Equal(2, code);
        Assert.Contains("that is code, and runs only where the command itself names it", said);

        using (var again = TrainingRun.Open(Tiny("dcgan", run, "trainer.examples=120", $"trainer.features={script}"))) Assert.Equal(120, again.Train());

        File.Delete(script);
        ScriptTests.Write(script, "return torch.amax(img, [2, 3])");                       // another file of the same name
        error = Assert.Throws<SettingsException>(() => TrainingRun.Open(Tiny("dcgan", run, "trainer.examples=160", $"trainer.features={script}"))).Message;
        Assert.Contains("is another file than the one that this run takes its scores with", error);
    }

    // Whatever a run's files say: a folder given as features, and one whose config.json was altered.
    [Fact]
    public void Nothing_that_a_run_names_runs()
    {
        var script = ScriptFile();
        var altered = Trained("dcgan");
        Alter(altered, trainer => (trainer["features"], trainer["best_by"]) = (script, "fid_script_20"));
        Assert.Contains("runs only where the command itself names it", Assert.Throws<SettingsException>(() => TrainingRun.Open(Tiny("dcgan", altered, "trainer.examples=80"))).Message);
        Assert.DoesNotContain("that is code", ManifoldProcess.Run("sample", altered, "--seeds", "0-3").Error);

        var features = Trained("features");
        Alter(features, trainer => trainer["features"] = script);
        var (code, _, error) = ManifoldProcess.Run("evaluate", altered, "--metrics", "fid_lenet_20", "--threads", "1", "--features", features);
        Assert.True(code == 0, error);
        Assert.DoesNotContain("that is code", error);
    }

    private static void Alter(string run, Action<JsonNode> change)
    {
        var path = Path.Combine(run, "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        change(config["settings"]!["trainer"]!);
        File.WriteAllText(path, config.ToJsonString());
    }

    [Fact]
    public void A_script_is_no_classifier_of_classes_and_is_not_run_as_one()
    {
        var run = Trained("dcgan");
        var (code, _, error) = ManifoldProcess.Run("arithmetic", run, "--plus", "1", "--minus", "2", "--features", ScriptFile());
        Assert.Equal(2, code);
        Assert.Contains("it needs the folder of a run of features", error);
        Assert.DoesNotContain("that is code", error);
    }
}
