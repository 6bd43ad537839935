using System.Text.Json.Nodes;
using Manifold.Layers;
using Manifold.Recipes;

namespace Manifold.Tests.Recipes;

public class RecipeTests
{
    public static TheoryData<string> Names => [.. RecipeList.All.Select(entry => entry.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_recipe_survives_its_own_file(string name)
    {
        var entry = RecipeList.Find(name);
        Assert.True(JsonNode.DeepEquals(entry.Default.ToJson(), Settings.Parse(entry, entry.Default.ToJson()).ToJson()));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_recipe_resumes_to_the_same_bytes(string name)
    {
        using var folder = new TemporaryFolder();
        var entry = RecipeList.Find(name);
        var verdict = ResumeProof.Run(new TrainingRequest(entry with { Default = entry.Tiny }), 700, folder.Path);
        Assert.Empty(verdict.Differences);
        Assert.Equal(["ema.safetensors", "model.safetensors", "optimizer.safetensors", "state.safetensors"], verdict.Files);
        Assert.Equal(2, verdict.Pieces.Distinct().Count());
    }

    // The proof must be able to fail: another seed in the second half is another run.
    [Fact]
    public void The_proof_of_a_resume_sees_a_difference()
    {
        using var folder = new TemporaryFolder();
        var entry = RecipeList.Find("vae");
        var tiny = new TrainingRequest(entry with { Default = entry.Tiny }) { Changes = ["trainer.examples=200"] };
        foreach (var (name, seed) in new[] { ("a", 1), ("b", 2) })
        {
            using var run = TrainingRun.Open(tiny with { Folder = folder[name], Changes = [.. tiny.Changes, $"trainer.seed={seed}"] });
            run.Train();
        }
        Assert.NotEqual(File.ReadAllBytes(Path.Combine(folder["a"], "checkpoint-000000000200", "model.safetensors")), File.ReadAllBytes(Path.Combine(folder["b"], "checkpoint-000000000200", "model.safetensors")));
    }

    [Fact]
    public void A_change_finds_its_setting_and_keeps_the_rest()
    {
        var recipe = (VaeRecipe)Settings.With(RecipeList.Find("vae").Default, ["model.hidden=[10,20]", "model.likelihood.kind=bernoulli", "data.binarize=dynamic", "trainer.seed=5", "data.set=mnist"]);
        Assert.Equal([10, 20], recipe.Model.Hidden);
        Assert.Equal(Likelihood.Bernoulli, recipe.Model.Likelihood.Kind);
        Assert.Equal((5, "mnist", 20), (recipe.Trainer.Seed, recipe.Data.Set, recipe.Model.LatentDim));
    }

    [Theory]
    [InlineData("model.latent_dims=7", "No setting \"model.latent_dims\". Did you mean \"model.latent_dim\"?")]
    [InlineData("model=7", "No setting \"model\".")]
    [InlineData("latent_dim", "needs the form path=value")]
    [InlineData("model.latent_dim=many", "model.latent_dim is \"many\", which does not fit: it needs a whole number.")]
    [InlineData("model.likelihood.kind=poisson", "it needs one of bernoulli, gaussian, discretized_logistic, logistic_mixture, categorical.")]
    [InlineData("data.flip=perhaps", "it needs true or false.")]
    public void A_wrong_change_is_refused_with_the_way_out(string change, string message) =>
        Assert.Contains(message, Assert.Throws<SettingsException>(() => Settings.With(RecipeList.Find("vae").Default, [change])).Message);

    [Fact]
    public void A_misspelt_recipe_gets_a_suggestion() =>
        Assert.StartsWith("No recipe \"vea\". Did you mean \"vae\"?", Assert.Throws<SettingsException>(() => RecipeList.Find("vea")).Message);

    [Fact]
    public void Coins_and_grey_pictures_contradict_each_other()
    {
        var recipe = Settings.With(RecipeList.Find("vae").Tiny, ["data.binarize=none"]);
        var error = Assert.Throws<SettingsException>(() => recipe.Build(new DataFacts("x", "", 1, 28, 28, 100, 10, 10), TorchSharp.torch.CPU));
        Assert.Contains("data.binarize", error.Message);
    }

    [Theory]
    [InlineData("vae-ring", "ring is of points of the plane, which are neither coins nor grey values and have no range, and model.likelihood.kind is bernoulli. Points need model.likelihood.kind=gaussian and model.likelihood.squash_mean=false", "model.likelihood.kind=bernoulli")]
    [InlineData("vae-swiss-roll", "model.likelihood.kind is logistic_mixture", "model.likelihood.kind=logistic_mixture")]
    [InlineData("vae-swiss-roll", "model.likelihood.squash_mean is true", "model.likelihood.squash_mean=true")]
    [InlineData("vae-ring", "model.network is conv, and ring is of points", "model.network=conv")]
    [InlineData("made", "model.likelihood.kind is categorical", "model.likelihood.kind=categorical", "data.binarize=none")]
    public void What_makes_no_sense_of_points_is_refused(string recipe, string message, params string[] changes)
    {
        var points = new DataFacts("ring", "", 2, 1, 1, 100, 10, 10);
        Assert.Contains(message, Assert.Throws<SettingsException>(() => { Settings.With(RecipeList.Find(recipe).Tiny, changes).Build(points, TorchSharp.torch.CPU); }).Message);
    }

    [Fact]
    public void A_resume_refuses_another_setting_allows_more_examples_and_records_what_was_let_through()
    {
        using var folder = new TemporaryFolder();
        var entry = RecipeList.Find("vae");
        var request = new TrainingRequest(entry with { Default = entry.Tiny }) { Folder = folder["run"] };
        long Train(params string[] changes)
        {
            using var run = TrainingRun.Open(request with { Changes = changes, AllowChange = changes.Contains("optimizer.learning_rate=0.002") ? ["optimizer.learning_rate"] : [] });
            return run.Train();
        }
        Assert.Equal(200, Train("trainer.examples=200"));

        Assert.Contains("model.latent_dim was 4; now 5", Assert.Throws<SettingsException>(() => Train("model.latent_dim=5")).Message);
        Assert.Contains("trainer.examples was 200; now 100", Assert.Throws<SettingsException>(() => Train("trainer.examples=100")).Message);
        Assert.Equal(300, Train("trainer.examples=300"));
        Assert.Equal(400, Train("trainer.examples=400", "optimizer.learning_rate=0.002"));

        var config = RunConfig.Parse(File.ReadAllText(Path.Combine(folder["run"], "config.json")), "config.json");
        Assert.Equal(new AllowedChange(300, "optimizer.learning_rate", "0.001", "0.002"), Assert.Single(config.Changes));
    }

    [Fact]
    public void A_second_run_in_the_same_folder_is_refused()
    {
        using var folder = new TemporaryFolder();
        var entry = RecipeList.Find("vae");
        var request = new TrainingRequest(entry with { Default = entry.Tiny }) { Folder = folder["run"] };
        using var first = TrainingRun.Open(request);
        Assert.Contains("in use", Assert.Throws<Manifold.Checkpoints.CheckpointException>(() => TrainingRun.Open(request)).Message);
    }

    [Theory]
    [InlineData("dcgan", "00000-dcgan-bundled")]
    [InlineData("gan-ring", "00000-gan-ring")]
    public void A_folder_is_named_by_recipe_and_set_and_says_neither_twice(string recipe, string expected)
    {
        using var folder = new TemporaryFolder();
        var entry = RecipeList.Find(recipe);
        using var run = TrainingRun.Open(new TrainingRequest(entry with { Default = entry.Tiny }) { Root = folder["runs"] });
        Assert.Equal(expected, Path.GetFileName(run.Folder.Path));
    }
}
