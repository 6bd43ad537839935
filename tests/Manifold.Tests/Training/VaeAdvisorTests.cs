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

    private static string[] Names(params (string, double)[] values) => Names(10_000, values);

    private static string[] Names(long seen, params (string, double)[] values) =>
        [.. new VaeAdvisor(trainer, squashes: false).Read(seen, values.ToDictionary(), null!).Select(advice => advice.Name)];

    [Fact]
    public void Reconstructions_that_are_the_mean_picture_are_said_where_latents_are_in_use()
    {
        Assert.Equal(["mean_reconstruction"], Names(("validation_active_units", 3), ("recon_share", 0.99)));
        Assert.Empty(Names(("validation_active_units", 3), ("recon_share", 0.9)));
        Assert.Equal(["posterior_collapse"], Names(("validation_active_units", 0), ("recon_share", 1), ("sample_gap", 0.5)));
    }

    [Fact]
    public void Samples_that_are_far_from_reconstructions_are_said_with_beta_as_the_remedy()
    {
        Assert.Equal(["sample_gap"], Names(("validation_active_units", 3), ("recon_share", 0.1), ("sample_gap", 0.25)));
        Assert.Empty(Names(("validation_active_units", 3), ("recon_share", 0.1), ("sample_gap", 0.15)));
        Assert.Empty(Names(9_999, ("sample_gap", 0.25)));                                                       // early, all runs are so
        var said = new VaeAdvisor(trainer, squashes: false).Read(10_000, new Dictionary<string, double> { ["sample_gap"] = 0.25 }, null!).Single();
        Assert.Contains("energy coefficient 0.25", said.Sentence);
        Assert.Contains("objective.beta", said.Sentence);
    }

    [Fact]
    public void The_recipe_has_it() =>
        Assert.Contains(RecipeList.Find("vae").Default.Advisors(Manifold.Data.DataSet.Open(new())), advisor => advisor is VaeAdvisor);
}
