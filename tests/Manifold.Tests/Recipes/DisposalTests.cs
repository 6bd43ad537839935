using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Recipes;
using Manifold.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Recipes;

/// <summary>Native memory has owners: what was trained, sampled and measured leaves nothing when it is disposed.</summary>
public class DisposalTests
{
    // Counted without collections in between, so that a tensor which only the finalizer would free counts as what it is: a leak.
    private static long Left(Action act)
    {
        act();                                                                      // what is made once a process
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.True(GC.TryStartNoGCRegion(200_000_000));
        try
        {
            var before = Tensor.TotalCount;
            act();
            Assert.Equal(System.Runtime.GCLatencyMode.NoGCRegion, System.Runtime.GCSettings.LatencyMode);
            return Tensor.TotalCount - before;
        }
        finally { if (System.Runtime.GCSettings.LatencyMode == System.Runtime.GCLatencyMode.NoGCRegion) GC.EndNoGCRegion(); }
    }

    // A layer of TorchSharp leaves the empty wrapper of each of its parameters behind, which owns nothing.
    private static long LeftByLayers(Recipe recipe)
    {
        var facts = DataFacts.Of(DataSet.Open(recipe.Data));
        return Left(() => TrainingRun.Build(recipe, facts, CPU).Dispose());
    }

    // The estimate of a run's memory makes networks of its own and takes a step of them; nothing stays but those wrappers.
    private static long LeftByEstimate(Recipe recipe)
    {
        var data = DataSet.Open(recipe.Data);
        long parameters;
        using (var plan = TrainingRun.Build(recipe, DataFacts.Of(data), CPU))
            parameters = plan.Algorithm.Networks.Values.Sum(network => network.parameters().Count());
        var left = Left(() => Workload.Of(recipe, data, CPU));
        Assert.Equal(parameters, left);
        return left;
    }

    [Theory]
    [InlineData("vae", "elbo")]
    [InlineData("dcgan", null)]
    [InlineData("gan-ring", null)]
    [InlineData("made", "nll")]
    [InlineData("features", null)]
    public void A_run_and_a_trained_model_leave_nothing(string recipe, string? metric)
    {
        using var folder = new TemporaryFolder();
        var entry = RecipeList.Find(recipe);
        var clip = entry.Tiny is GanRecipe ? "generator.clip_norm=1" : "optimizer.clip_norm=1";
        var name = "";
        var number = 0;
        var byLayers = LeftByLayers(entry.Tiny);
        Assert.Equal(byLayers + LeftByEstimate(entry.Tiny), Left(() =>
        {
            name = folder[$"run{number++}"];
            using var run = TrainingRun.Open(new TrainingRequest(entry with { Default = entry.Tiny }) { Folder = name, Changes = ["trainer.examples=40", clip] });
            run.Train();
        }));
        Assert.Equal(byLayers, Left(() =>
        {
            using var trained = TrainedModel.Open(name, "ema", CPU);
            if (Samples.CanBeDrawn(trained.Model)) Samples.Of(trained.Model, [0, 1], CPU).Dispose();
            if (metric is not null) Metrics.Measure(metric, trained.Model, trained.OpenData(null, null).Validation, CPU, 20);
        }));
    }

    // A model that only samples needs no moments: as many numbers again as it has weights, twice.
    [Fact]
    public void A_model_that_is_opened_has_no_optimizer_state()
    {
        using var folder = new TemporaryFolder();
        var entry = RecipeList.Find("vae");
        using (var run = TrainingRun.Open(new TrainingRequest(entry with { Default = entry.Tiny }) { Folder = folder["run"], Changes = ["trainer.examples=40"] })) run.Train();
        var byLayers = LeftByLayers(entry.Tiny);
        long opened = 0;
        Left(() =>
        {
            var before = Tensor.TotalCount;
            using var trained = TrainedModel.Open(folder["run"], "ema", CPU);
            opened = Tensor.TotalCount - before;
        });
        Assert.Equal(8 + byLayers, opened);                                         // weights and biases of four layers
    }

    [Fact]
    public void An_optimizer_frees_its_moments_and_leaves_its_parameters()
    {
        using var scope = NewDisposeScope();
        using var network = nn.Linear(3, 2);
        var before = Tensor.TotalCount;
        using (var optimizer = Optimizer.Create(new OptimizerSettings { ClipNorm = 1 }, network.named_parameters()))
        {
            Assert.Equal(before, Tensor.TotalCount);
            Assert.Equal(["exp_avg.bias", "exp_avg.weight", "exp_avg_sq.bias", "exp_avg_sq.weight", "step"], optimizer.State.Keys.Order(StringComparer.Ordinal));
            Assert.True(Tensor.TotalCount > before);
        }
        Assert.Equal(before, Tensor.TotalCount);
        Assert.Equal(2, network.weight!.shape[0]);
    }

    // Saving and opening cost the same however many checkpoints are kept.
    [Fact]
    public void Kept_checkpoints_are_neither_read_at_a_save_nor_when_another_is_opened()
    {
        using var folder = new TemporaryFolder();
        var entry = RecipeList.Find("vae");
        var request = new TrainingRequest(entry with { Default = entry.Tiny }) { Folder = folder["run"], Changes = ["trainer.examples=200", "trainer.save_every=40", "trainer.keep_every=40"] };
        using (var run = TrainingRun.Open(request)) run.Train();

        // Other bytes of the same number, which only reading them could tell.
        var old = Path.Combine(folder["run"], "checkpoint-000000000080");
        File.WriteAllBytes(Path.Combine(old, "model.safetensors"), new byte[new FileInfo(Path.Combine(old, "model.safetensors")).Length]);
        var warnings = new List<string>();
        using (TrainedModel.Open(folder["run"], "ema", CPU, warn: warnings.Add)) { }
        using (var run = TrainingRun.Open(request with { Changes = ["trainer.examples=280"], Warn = warnings.Add })) run.Train();
        Assert.Empty(warnings);

        Assert.Throws<CheckpointException>(() => TrainedModel.Open(old, "ema", CPU));
    }
}
