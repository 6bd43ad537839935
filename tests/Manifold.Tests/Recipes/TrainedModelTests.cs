using Manifold.Checkpoints;
using Manifold.Recipes;
using TorchSharp;

namespace Manifold.Tests.Recipes;

public class TrainedModelTests
{
    private static string Trained(TemporaryFolder folder)
    {
        var entry = RecipeList.Find("dcgan");
        using var run = TrainingRun.Open(new TrainingRequest(entry with { Default = entry.Tiny }) { Folder = folder["run"] });
        run.Train();
        return folder["run"];
    }

    // The word about the broken one comes after the whole ones were found, and there, as a run that goes on would, the newest goes.
    [Fact]
    public void A_checkpoint_that_goes_while_it_is_opened_gives_way_to_another_and_a_broken_one_is_said()
    {
        using var folder = new TemporaryFolder();
        var run = Trained(folder);
        var whole = RunFolder.Read(run).Checkpoints;
        Directory.CreateDirectory(Path.Combine(run, "checkpoint-999999999999"));
        File.WriteAllText(Path.Combine(run, "checkpoint-999999999999", "state.json"), "{");
        var words = new List<string>();
        var trained = TrainedModel.Open(run, "ema", torch.CPU, warn: word =>
        {
            words.Add(word);
            if (Directory.Exists(whole[^1].Path)) Directory.Delete(whole[^1].Path, recursive: true);
        });
        Assert.Equal(whole[^2].ExamplesSeen, trained.Checkpoint.ExamplesSeen);
        Assert.Contains("checkpoint-999999999999 is not whole and is passed over", words[0]);
    }

    [Fact]
    public void A_run_of_broken_checkpoints_is_not_said_to_have_none_yet()
    {
        using var folder = new TemporaryFolder();
        var run = Trained(folder);
        foreach (var checkpoint in RunFolder.Read(run).Checkpoints) File.WriteAllText(Path.Combine(checkpoint.Path, "ema.safetensors"), "cut");
        Assert.Contains("has checkpoints, and none is whole", Assert.Throws<CheckpointException>(() => TrainedModel.Open(run, "ema", torch.CPU)).Message);
    }

    [Fact]
    public void A_refused_resume_lists_all_that_would_have_to_be_allowed()
    {
        using var folder = new TemporaryFolder();
        var run = Trained(folder);
        var message = Assert.Throws<SettingsException>(() => TrainingRun.Open(new TrainingRequest(RecipeList.Find("dcgan")) { Folder = run, Changes = ["trainer.seed=3", "objective.r1=1", "model.discriminator_norm=none"] })).Message;
        Assert.Contains("--allow-change model.discriminator_norm --allow-change objective.r1 --allow-change trainer.seed", message);
    }

    [Fact]
    public void The_card_of_a_game_names_a_metric_that_it_has()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("--metrics fid_lenet_1000", File.ReadAllText(Path.Combine(Trained(folder), "README.md")));
    }
}
