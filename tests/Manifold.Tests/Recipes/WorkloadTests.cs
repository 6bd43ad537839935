using Manifold.Data;
using Manifold.Recipes;
using static TorchSharp.torch;

namespace Manifold.Tests.Recipes;

public class WorkloadTests
{
    private static Recipe With(string recipe, params string[] changes) => Settings.With(RecipeList.Find(recipe).Default, changes);

    private static Workload Of(Recipe recipe) => Workload.Of(recipe, DataSet.Open(recipe.Data), CPU);

    // Before they are made: the largest would take terabytes, which libtorch refuses in words of its own.
    [Theory]
    [InlineData("vae", "model.latent_dim=2000000000"), InlineData("vae", "model.hidden=[2000000000,2000000000]")]
    [InlineData("vae", "model.latent_dim=2000000", "model.posterior=full_normal"), InlineData("vae-conv", "model.latent_dim=1000000000000")]
    [InlineData("made", "model.hidden=[2000000000]"), InlineData("gan", "model.latent_dim=2000000000"), InlineData("dcgan", "model.latent_dim=100000000000")]
    public void Networks_that_memory_cannot_hold_are_refused_before_they_are_made(string recipe, params string[] changes)
    {
        var memory = new PeakMemory();
        var message = Assert.Throws<SettingsException>(() => Of(With(recipe, changes))).Message;
        Assert.Contains("are free here. Make the model (model.hidden, model.latent_dim) or data.size smaller.", message);
        Assert.InRange(memory.Growth, long.MinValue, 256 << 20);
    }

    // What is told before is never more than there is, so that no network that fits is refused.
    [Fact]
    public void What_networks_have_at_least_is_no_more_than_they_have()
    {
        foreach (var entry in RecipeList.All)
        {
            var data = DataSet.Open(entry.Tiny.Data);
            Assert.InRange(entry.Tiny.LeastParameters(DataFacts.Of(data)), 0, Workload.Of(entry.Tiny, data, CPU).Parameters);
        }
        Assert.InRange(With("vae").LeastParameters(DataFacts.Of(DataSet.Open(new DataSettings()))), 600_000, 700_000);   // 2 x (784 + 20) x 400
    }

    // One hidden layer of 5: its weights 784 x 5 + 5, and so on; two examples are taken whatever the batch.
    [Fact]
    public void A_step_is_measured_on_few_examples_and_counted_for_the_batch()
    {
        Workload small = Of(With("vae", "model.hidden=[5]", "trainer.batch_size=1")), large = Of(With("vae", "model.hidden=[5]", "trainer.batch_size=1000"));
        Assert.Equal((1, 2), (small.Batch, large.Batch));
        Assert.Equal((1, 1000), (small.Examples, large.Examples));
        Assert.Equal((small.Parameters, small.OptimizerState, small.MultiplyAdds, small.TrainingFlops, small.Activations), (large.Parameters, large.OptimizerState, large.MultiplyAdds, large.TrainingFlops, large.Activations));
        Assert.Equal(sizeof(float) * 999 * 2 * small.Activations, large.Memory - small.Memory, 1.0);
        Assert.Equal(sizeof(float) * 999 * (small.Activations + 784), large.LeastMemory(1000) - large.LeastMemory(1), 1.0);
    }

    // Of a Wasserstein GAN five batches follow one another, and the memory of one serves the next.
    [Fact]
    public void Updates_of_one_step_do_not_take_memory_together()
    {
        string[] tiny = ["model.width=4", "model.latent_dim=4", "data.size=16"];
        Workload once = Of(With("dcgan", [.. tiny, "objective.discriminator_steps=1"])), often = Of(With("dcgan", [.. tiny, "objective.discriminator_steps=5"]));
        Assert.Equal((1, 5), (once.Updates, often.Updates));
        Assert.Equal(5 * once.Examples, often.Examples);
        Assert.InRange(often.LeastMemory(64), once.LeastMemory(64) * 0.5, once.LeastMemory(64) * 1.2);
    }

    [Theory]
    [InlineData("vae"), InlineData("dcgan")]
    public void A_batch_beyond_memory_is_refused_with_the_need_and_the_way_out(string name)
    {
        var memory = new PeakMemory();
        foreach (var batch in new[] { 100_000_000, 1_000_000_000, int.MaxValue })
        {
            var message = Assert.Throws<SettingsException>(() => TrainingRun.Open(new TrainingRequest(RecipeList.Find(name)) { Changes = [$"trainer.batch_size={batch}"], Folder = "/nonexistent/run" })).Message;
            Assert.Contains($"trainer.batch_size is {batch}; a step needs ", message);
            Assert.Matches(@"Set trainer\.batch_size=\d+\.$", message);
        }
        Assert.InRange(memory.Growth, long.MinValue, 400_000_000);
    }

    // The batch that the message names is taken, and twice as much is not.
    [Fact]
    public void The_way_out_fits_into_memory()
    {
        const long free = 50_000_000;
        var work = Of(With("vae", "trainer.batch_size=1000000"));
        var named = long.Parse(Assert.Throws<SettingsException>(() => work.ExpectMemory(free)).Message.Split("trainer.batch_size=")[1].TrimEnd('.'));
        (work with { BatchSize = named }).ExpectMemory(free);
        Assert.Throws<SettingsException>(() => (work with { BatchSize = 2 * named }).ExpectMemory(free));
        Assert.Contains("No batch fits", Assert.Throws<SettingsException>(() => work.ExpectMemory(1_000)).Message);
        Assert.Contains("the examples of a step take", Assert.Throws<SettingsException>(() => work.ExpectMemory(long.MaxValue)).Message);
    }

    [Fact]
    public void Every_recipe_has_a_workload_that_fits_its_own_defaults()
    {
        foreach (var entry in RecipeList.All)
        {
            var work = Workload.Of(entry.Tiny, DataSet.Open(entry.Tiny.Data), CPU);
            Assert.True(work.LeastMemory(work.BatchSize) <= work.Memory + sizeof(float) * (double)work.Examples * work.Dims, entry.Name);
            work.ExpectMemory();
        }
    }
}
