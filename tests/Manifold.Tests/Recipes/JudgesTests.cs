using System.Text.Json.Nodes;
using Manifold.Checkpoints;
using Manifold.Evaluation;
using Manifold.Recipes;

namespace Manifold.Tests.Recipes;

/// <summary>What a run's checkpoints are ranked by, from the settings to the folder.</summary>
public class JudgesTests
{
    private static TrainingRequest Request(string recipe, TemporaryFolder folder, params string[] changes) =>
        new(RecipeList.Find(recipe) with { Default = RecipeList.Find(recipe).Tiny }) { Folder = folder["run"], Changes = changes };

    private static TrainingRun Trained(TrainingRequest request)
    {
        using var run = TrainingRun.Open(request);
        run.Train();
        return run;
    }

    [Theory]
    [InlineData("dcgan", null, "validation_nll", "which is no value of dcgan on bundled")]
    [InlineData("dcgan", "fid_lenet_500", "fid_lenett_500", "Did you mean \"fid_lenet_500\"?")]
    [InlineData("dcgan", "precision_lenet_1000", "precison_lenet_1000", "There are: checkerboard, and of samples fid_X_N")]
    [InlineData("dcgan", "checkerboard", "chekerboard", "of which it is known which way is better")]
    [InlineData("dcgan", null, "ema_score", "of which it is known which way is better")]
    [InlineData("dcgan", null, "d_loss", "of which it is known which way is better")]
    [InlineData("vae", "validation_nll", "validation_nl", "There are: validation_nll, and of samples")]
    [InlineData("vae", null, "validation_active_units", "of which it is known which way is better")]
    [InlineData("gan-ring", "mode_kl", "modekl", "There are: modes, high_quality, mode_kl, and of samples modes_N, off_manifold_N, missed_N, c2st_N, parzen_N")]
    public void A_name_that_cannot_rank_is_refused_before_anything_is_written(string recipe, string? meant, string name, string message)
    {
        using var folder = new TemporaryFolder();
        var error = Assert.Throws<SettingsException>(() => TrainingRun.Open(Request(recipe, folder, $"trainer.best_by={name}"))).Message;
        Assert.StartsWith($"trainer.best_by is {name}, ", error);
        Assert.Contains(message, error);
        if (meant is null) Assert.DoesNotContain("Did you mean", error);
        else Assert.Contains($"Did you mean \"{meant}\"?", error);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Theory]
    [InlineData("dcgan", "dcgan has no likelihood to tell by which weights are better. Name what does, such as --best-by fid_lenet_1000.", "trainer.stop_when=plateau")]
    [InlineData("gan-ring", "such as --best-by c2st_1000. There are: modes, high_quality, mode_kl,", "trainer.stop_when=plateau")]
    [InlineData("vae", "trainer.patience is 100, and trainer.stop_when is never", "trainer.patience=100")]
    [InlineData("dcgan", "trainer.features is runs/x, and trainer.best_by names no metric that asks for it", "trainer.features=runs/x")]
    [InlineData("dcgan", "trainer.features is runs/x, and swd_20 needs no features", "trainer.features=runs/x", "trainer.best_by=swd_20")]
    [InlineData("dcgan", "it needs one of never, plateau.", "trainer.stop_when=plato")]
    public void Settings_that_say_nothing_together_are_refused(string recipe, string message, params string[] changes)
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(message, Assert.Throws<SettingsException>(() => TrainingRun.Open(Request(recipe, folder, changes))).Message);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Theory]
    [InlineData("vae", "validation_nll", false)]
    [InlineData("features", "validation_error", false)]
    [InlineData("gan-ring", "modes", true)]
    [InlineData("gan-ring", "high_quality", true)]
    [InlineData("gan-ring", "mode_kl", false)]
    [InlineData("dcgan", "recall_lenet_100", true)]
    [InlineData("dcgan", "fid_lenet_100", false)]
    public void Each_value_is_ranked_its_own_way(string recipe, string name, bool higher)
    {
        using var folder = new TemporaryFolder();
        using var run = TrainingRun.Open(Request(recipe, folder, $"trainer.best_by={name}"));
        Assert.Equal(new Manifold.Training.Ranking(name, higher), run.Judges.By);
        Assert.Equal(name.Contains("lenet"), run.Judges.Extractor is not null);
    }

    // Ranked by samples, by what is better when higher, and by a likelihood that such small steps leave as it is.
    [Theory]
    [InlineData("dcgan", "fid_lenet_50")]
    [InlineData("gan-ring", "modes")]
    [InlineData("vae", null)]
    public void A_run_that_stops_on_a_plateau_resumes_to_the_same_bytes(string recipe, string? by)
    {
        using var folder = new TemporaryFolder();
        var request = Request(recipe, folder, "trainer.stop_when=plateau", "trainer.patience=80", "trainer.look_every=40", $"trainer.best_by={by ?? "null"}", recipe == "vae" ? "optimizer.learning_rate=1e-30" : "trainer.save_every=60");
        var verdict = ResumeProof.Run(request, 1000, folder.Path);
        Assert.Empty(verdict.Differences);
        Assert.Contains("plateau.safetensors", verdict.Files);
        Assert.InRange(verdict.Examples, 80, 980);
        Assert.True(verdict.Pieces[0] < verdict.Examples);
    }

    [Fact]
    public void The_value_that_is_logged_is_the_score_and_the_card_and_an_evaluation_say_the_same()
    {
        using var folder = new TemporaryFolder();
        var run = Trained(Request("dcgan", folder, "trainer.stop_when=plateau", "trainer.patience=200", "trainer.look_every=100", "trainer.best_by=precision_lenet_50"));
        var trained = TrainedModel.Open(folder["run"], "ema", TorchSharp.torch.CPU);
        var best = trained.Run.Best!;
        Assert.Equal(best.ExamplesSeen, trained.Checkpoint.ExamplesSeen);
        var line = File.ReadLines(Path.Combine(folder["run"], "stats.jsonl")).Select(line => JsonNode.Parse(line)!).First(line => (long)line["examples"]! == best.ExamplesSeen);
        Assert.Equal(-best.Score, (double)line["precision_lenet_50"]!);
        var measured = new SampleMetrics(trained.Model, run.Data, Extractor.Bundled(), TorchSharp.torch.CPU).Measure(SampleMetric.Parse("precision_recall_lenet_50")!)[0];
        Assert.Equal(-best.Score, measured.Value);
        Assert.Contains($"precision_lenet_50 {string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{measured.Value:0.####}")} (higher is better)", File.ReadAllText(Path.Combine(folder["run"], "README.md")));
    }

    [Fact]
    public void A_folder_s_scores_stay_of_one_kind_and_its_patience_may_grow()
    {
        using var folder = new TemporaryFolder();
        var request = Request("dcgan", folder);
        string[] plateau = ["trainer.stop_when=plateau", "trainer.best_by=swd_20", "trainer.patience=200", "trainer.look_every=100"];
        var ended = Trained(request with { Changes = [.. plateau, "generator.learning_rate=1e-12"] });
        Assert.Equal(("swd_20", 400L > ended.Plateau!.ExamplesSeen), (ended.Plateau.By, true));

        var allowed = request with { AllowChange = ["trainer.best_by", "trainer.stop_when"] };
        var error = Assert.Throws<SettingsException>(() => TrainingRun.Open(allowed with { Changes = ["trainer.best_by=fid_lenet_20"] })).Message;
        Assert.Contains("ranks its checkpoints by swd_20; now by fid_lenet_20 of the extractor ", error);
        Assert.Contains("trainer.patience was 200; now 100", Assert.Throws<SettingsException>(() => TrainingRun.Open(request with { Changes = ["trainer.patience=100"] })).Message);
        Assert.Contains("trainer.stop_when was \"plateau\"; now \"never\"", Assert.Throws<SettingsException>(() => TrainingRun.Open(request with { Changes = ["trainer.stop_when=never"] })).Message);

        Assert.Equal(ended.Plateau, Trained(request).Plateau);                       // nothing happened
        Assert.True(Trained(request with { Changes = ["trainer.patience=300"] }).Plateau is not { Since: < 300 });
        Assert.Null(Trained(allowed with { Changes = ["trainer.stop_when=never"] }).Plateau);
        Assert.Equal(400, RunFolder.Read(folder["run"]).Newest!.ExamplesSeen);
    }

    // A folder of a time before these settings: what it leaves out is as it was.
    [Fact]
    public void A_run_made_before_a_setting_was_there_goes_on()
    {
        using var folder = new TemporaryFolder();
        Trained(Request("vae", folder, "trainer.examples=200"));
        var path = Path.Combine(folder["run"], "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        var trainer = config["settings"]!["trainer"]!.AsObject();
        foreach (var added in new[] { "stop_when", "patience", "best_by", "features" }) Assert.True(trainer.Remove(added));
        File.WriteAllText(path, config.ToJsonString());
        Trained(Request("vae", folder, "trainer.examples=300"));
        Assert.Equal(300, RunFolder.Read(folder["run"]).Newest!.ExamplesSeen);
    }
}
