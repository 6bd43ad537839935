using Manifold.Recipes;
using Manifold.Training;

namespace Manifold.Tests.Training;

public class VaeAdvisorTests
{
    private static readonly TrainerSettings trainer = new() { BatchSize = 10 };

    private static IReadOnlyList<Advice> Read(long seen, double active, bool squashes = true) =>
        [.. new VaeAdvisor(trainer, squashes).Read(seen, new Dictionary<string, double> { ["validation_active_units"] = active }, null!)];

    [Fact]
    public void No_active_unit_is_said_once_there_was_time_to_learn()
    {
        Assert.Equal("posterior_collapse", Assert.Single(Read(3000, 0)).Name);
        Assert.Contains("model.likelihood.squash_mean=false", Read(3000, 0)[0].Sentence);
        Assert.DoesNotContain("squash_mean", Read(3000, 0, squashes: false)[0].Sentence);
        Assert.Empty(Read(2999, 0));
        Assert.Empty(Read(3000, 1));
        Assert.Empty(new VaeAdvisor(trainer, true).Read(3000, new Dictionary<string, double>(), null!));       // a line without an evaluation
    }

    [Fact]
    public void The_recipe_has_it() =>
        Assert.Contains(RecipeList.Find("vae").Default.Advisors(Manifold.Data.DataSet.Open(new())), advisor => advisor is VaeAdvisor);
}
