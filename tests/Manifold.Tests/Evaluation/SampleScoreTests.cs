using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Recipes;
using Manifold.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Evaluation;

public class SampleScoreTests
{
    private static (Plan Plan, DataSet Data) Game(string recipe)
    {
        var tiny = RecipeList.Find(recipe).Tiny;
        var data = DataSet.Open(tiny.Data, null);
        var plan = TrainingRun.Build(tiny, DataFacts.Of(data), CPU);
        foreach (var network in plan.Algorithm.Networks.Values) network.eval();
        return (plan, data);
    }

    // The same number and the same direction as evaluate would give of those weights, and again of other weights.
    [Theory]
    [InlineData("dcgan", "fid_lenet_60", "fid_lenet_60")]
    [InlineData("dcgan", "kid_lenet_60", "kid_lenet_60")]
    [InlineData("dcgan", "precision_lenet_60", "precision_recall_lenet_60")]
    [InlineData("dcgan", "recall_lenet_60", "precision_recall_lenet_60")]
    [InlineData("dcgan", "density_lenet_60", "density_coverage_lenet_60")]
    [InlineData("dcgan", "coverage_lenet_60", "density_coverage_lenet_60")]
    [InlineData("dcgan", "inception_score_lenet_60", "inception_score_lenet_60")]
    [InlineData("dcgan", "swd_60", "swd_60")]
    [InlineData("gan-ring", "modes_200", "modes_200")]
    [InlineData("gan-ring", "c2st_200", "c2st_200")]
    [InlineData("gan-ring", "off_manifold_200", "off_manifold_200")]
    [InlineData("gan-ring", "missed_200", "missed_200")]
    public void A_look_takes_what_an_evaluation_would(string recipe, string name, string metric)
    {
        var (plan, data) = Game(recipe);
        var extractor = data.Shape.IsPoint ? null : Extractor.Bundled();
        var score = new SampleScore(name, plan.Model, data, extractor, CPU);
        for (var look = 0; look < 3; look++)
        {
            var expected = new SampleMetrics(plan.Model, data, extractor, CPU).Measure(SampleMetric.Parse(metric)!).Single(result => result.Metric == name);
            Assert.Equal(expected.Value, score.Look(new Moment(look, false, plan.Algorithm))[name]);
            Assert.Equal(expected.Better == "higher", Assert.Single(score.Ranked).HigherIsBetter);
            using var _ = no_grad();
            foreach (var parameter in plan.Model.parameters()) parameter.mul_(1.5);
        }
    }

    [Theory]
    [InlineData("dcgan", "precision_recall_lenet_60", "is two numbers, and checkpoints are ranked by one: precision_lenet_60 or recall_lenet_60.")]
    [InlineData("dcgan", "memorization_lenet_60", "neither way is better")]
    [InlineData("dcgan", "recognition_lenet_60", "surest of a generator that makes one thing")]
    [InlineData("dcgan", "fid_rotnet_60", "needs features of rotnet, and --features gives lenet")]
    [InlineData("dcgan", "fid_lenet_20000", "Ask for fid_lenet_9000 or fewer")]
    [InlineData("dcgan", "modes_60", "counts the modes of a toy")]
    [InlineData("features", "swd_60", "is of samples, and SmallClassifier makes none")]
    [InlineData("gan-ring", "swd_60", "is of pictures, and ring is of points")]
    [InlineData("gan-ring", "linear_probe", "is of pictures, and ring is of points")]
    public void What_cannot_rank_is_refused_when_it_is_named(string recipe, string name, string message)
    {
        var (plan, data) = Game(recipe);
        Assert.Contains(message, Assert.Throws<MetricException>(() => new SampleScore(name, plan.Model, data, data.Shape.IsPoint ? null : Extractor.Bundled(), CPU)).Message);
    }

    [Fact]
    public void The_forms_that_are_offered_are_names_of_metrics()
    {
        foreach (var recipe in new[] { "dcgan", "gan-ring" })
            Assert.All(SampleScore.Forms(Game(recipe).Data), form => Assert.NotNull(SampleScore.MetricOf(form.Replace("_X_", "_lenet_").Replace("_N", "_100"))));
    }
}
