using Manifold.Data;
using Manifold.Engine;
using Manifold.Models;
using Manifold.Objectives;
using Manifold.Recipes;
using Manifold.Training;
using Manifold.Training.Algorithms;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Training;

/// <summary>Each sign of failure, on a run that is made to fail that way.</summary>
public class GanAdvisorTests
{
    private sealed class Notes : IRunStore
    {
        public readonly List<Advice> All = [];
        public void Log(long examplesSeen, IReadOnlyDictionary<string, double> values) { }
        public void Note(long examplesSeen, Advice advice) => All.Add(advice);
        public void Save(long examplesSeen, TensorGroups tensors, double? score) { }
        public long? Resume(TensorGroups tensors) => null;
    }

    private static List<Advice> Train(AdversarialObjective objective, double rateG, double rateD, Action<Gan>? prepare = null, int steps = 150)
    {
        using var scope = NewDisposeScope();
        var data = DataSet.Open(new DataSettings { Size = 16 });
        manual_seed(1);
        var gan = new Gan(data.Shape, new GanSettings { LatentDim = 8, Width = 8 });
        prepare?.Invoke(gan);
        var adam = new OptimizerSettings { Beta1 = 0.5 };
        var algorithm = new GanAlgorithm(gan, objective, adam with { LearningRate = rateG }, adam with { LearningRate = rateD }, new Schedule(), 16);
        var notes = new Notes();
        var settings = new TrainerSettings { Examples = 16 * steps, BatchSize = 16, LogEvery = 160, LookEvery = 1_000_000, SaveEvery = 1_000_000 };
        new Trainer(algorithm, data.Train.Shuffled(0, PixelRange.Symmetric), settings, notes, CPU) { Advisors = [new GanAdvisor(objective.ToGame().Name, settings)] }.Run();
        return notes.All;
    }

    [Fact]
    public void A_discriminator_that_wins()
    {
        var advice = Train(new AdversarialObjective(), rateG: 0, rateD: 2e-3);
        Assert.Contains(advice, one => one.Name == "discriminator_wins" && one.Sentence.Contains("discriminator.learning_rate"));
    }

    [Fact]
    public void A_generator_whose_samples_are_all_alike()
    {
        var advice = Train(new AdversarialObjective(), rateG: 0, rateD: 2e-4, gan =>
        {
            using var _ = no_grad();
            foreach (var (name, parameter) in gan.Generator.named_parameters()) if (name.StartsWith("norms")) parameter.zero_();
        }, steps: 320);
        Assert.Contains(advice, one => one.Name == "generator_collapse");
    }

    [Fact]
    public void A_gradient_that_vanishes_where_the_game_saturates()
    {
        var minimax = Train(new AdversarialObjective { Game = GameKind.Minimax }, rateG: 0, rateD: 5e-3, steps: 300);
        Assert.Contains(minimax, one => one.Name == "vanishing_gradient" && one.Sentence.Contains("objective.game=non_saturating"));
        Assert.DoesNotContain(Train(new AdversarialObjective(), rateG: 0, rateD: 5e-3, steps: 300), one => one.Name == "vanishing_gradient");
    }

    [Fact]
    public void Numbers_that_are_on_their_way_to_nan_are_named()
    {
        var advice = Train(new AdversarialObjective { Game = GameKind.WassersteinGp, GradientPenalty = 0, Drift = 0 }, rateG: 100, rateD: 300, steps: 60);
        Assert.Contains(advice, one => one.Name == "nan_precursor" && (one.Sentence.Contains("generator.") || one.Sentence.Contains("discriminator.")));
    }

    [Fact]
    public void A_run_in_health_is_left_in_peace()
    {
        var advice = Train(new AdversarialObjective { R1 = 0 }, rateG: 1e-3, rateD: 2e-4, steps: 400);
        Assert.Empty(advice);
    }

    // Whole runs of recipes, whose observers see what the losses do not show.
    private static IEnumerable<string> Advised(string recipe, params string[] changes)
    {
        using var folder = new TemporaryFolder();
        using (var run = TrainingRun.Open(new TrainingRequest(RecipeList.Find(recipe)) { Folder = folder["run"], Changes = [.. changes, "trainer.save_every=1000000"] })) run.Train();
        return [.. File.ReadLines(folder["run/stats.jsonl"]).Select(line => (string?)System.Text.Json.Nodes.JsonNode.Parse(line)!["advice"]).OfType<string>()];
    }

    [Fact]
    public void A_generator_that_runs_after_one_place_loses_modes() =>
        Assert.Contains("mode_loss", Advised("gan-ring", "discriminator.learning_rate=0", "trainer.examples=9600", "trainer.batch_size=64", "trainer.log_every=3200", "trainer.look_every=3200"));

    [Theory]
    [InlineData("null", true)]
    [InlineData("0.05", false)]
    public void An_average_that_remembers_the_start_is_behind(string rampUp, bool isSeen) =>
        Assert.Equal(isSeen, Advised("dcgan", $"trainer.ema_ramp_up={rampUp}", "trainer.ema_half_life=1000000000", "data.size=16", "model.width=8", "generator.learning_rate=0.001", "trainer.examples=4800", "trainer.batch_size=16", "trainer.log_every=1600", "trainer.look_every=1600").Contains("ema_too_slow"));

    [Theory]
    [InlineData("transposed_uneven", true)]
    [InlineData("nearest", false)]
    public void Kernels_that_overlap_unevenly_leave_a_checkerboard(string upsampling, bool isSeen) =>
        Assert.Equal(isSeen, Advised("dcgan", $"model.upsampling={upsampling}", "data.size=16", "model.width=8", "trainer.examples=4800", "trainer.batch_size=16", "trainer.log_every=4800", "trainer.look_every=4800").Contains("checkerboard"));

    [Fact]
    public void Networks_as_they_were_made_are_not_looked_at()
    {
        using var scope = NewDisposeScope();
        var data = DataSet.Open(new DataSettings { Size = 16 });
        var gan = new Gan(data.Shape, new GanSettings { LatentDim = 4, Width = 4 });
        var watch = new Manifold.Evaluation.GanWatch(gan, data.Validation, CPU);
        var algorithm = new GanAlgorithm(gan, new AdversarialObjective(), new(), new(), new Schedule(), 4);
        using var _ = no_grad();
        Assert.Empty(watch.Look(new Moment(0, false, algorithm)));
        Assert.Equal(["checkerboard", "checkerboard_data", "ema_score"], watch.Look(new Moment(4, false, algorithm)).Keys.Order());
    }

    // What the observers see, rather than the losses.
    [Theory]
    [InlineData("mode_loss", 4, 1, 1, 0)]
    [InlineData("checkerboard", 8, 5, 1, 0)]
    [InlineData("ema_too_slow", 8, 1, 1, -9)]
    [InlineData(null, 8, 1, 1, 0)]
    public void What_looks_show(string? expected, double modes, double checkerboard, double ofData, double emaScore)
    {
        var values = new Dictionary<string, double> { ["modes"] = modes, ["checkerboard"] = checkerboard, ["checkerboard_data"] = ofData, ["ema_score"] = emaScore, ["d_real"] = 1, ["d_fake"] = -1, ["d_loss"] = 1, ["g_grad"] = 1, ["spread_fake"] = 1, ["spread_real"] = 1 };
        using var scope = NewDisposeScope();
        var algorithm = new GanAlgorithm(new Gan(new PictureShape(2, 1, 1), new GanSettings { Network = GanNetwork.Mlp, Hidden = [4], LatentDim = 2 }), new AdversarialObjective(), new(), new(), new Schedule(), 4);
        var settings = new TrainerSettings { BatchSize = 4, EmaHalfLife = 40 };
        IEnumerable<string> Read(TrainerSettings trainer, long examplesSeen) => new GanAdvisor("non_saturating", trainer, 8).Read(examplesSeen, values, algorithm).Select(one => one.Name);
        Assert.Equal(expected is null ? [] : [expected], Read(settings, 1200));
        Assert.Empty(Read(settings, 10));                                                                       // as they were made
        Assert.DoesNotContain("checkerboard", new GanAdvisor("non_saturating", settings, 8, doubles: false).Read(1200, values, algorithm).Select(one => one.Name));
        Assert.DoesNotContain("ema_too_slow", Read(settings with { EmaHalfLife = 70 }, 1200));                 // 5 % of the examples are less: a lower half-life would change nothing
        Assert.Equal(expected is null ? [] : [expected], Read(settings with { EmaHalfLife = 1e9, EmaRampUp = null }, 1200));
    }

    [Fact]
    public void Advice_stands_in_the_log_and_goes_with_a_resume()
    {
        using var folder = new TemporaryFolder();
        var entry = RecipeList.Find("dcgan");
        var request = new TrainingRequest(entry with { Default = entry.Tiny }) { Folder = folder["run"], Changes = ["generator.learning_rate=0", "discriminator.learning_rate=0.01", "trainer.examples=2000"] };
        using (var run = TrainingRun.Open(request)) run.Train();
        var lines = File.ReadAllLines(folder["run/stats.jsonl"]);
        Assert.Contains(lines, line => line.Contains("\"advice\":\"discriminator_wins\""));
        using (var run = TrainingRun.Open(request with { Changes = ["trainer.examples=2100"] })) run.Train();
        Assert.Equal(lines, File.ReadAllLines(folder["run/stats.jsonl"])[..lines.Length]);
    }
}
