using Manifold.Data;
using Manifold.Models;
using Manifold.Recipes;
using Manifold.Training;
using Manifold.Training.Algorithms;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Recipes;

public class GradientContractTests
{
    public static TheoryData<string> Names => [.. RecipeList.All.Select(entry => entry.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Learning_reaches_every_part_of_every_recipe(string name)
    {
        var recipe = RecipeList.Find(name).Tiny;
        var contract = GradientContract.Of(recipe, DataSet.Open(recipe.Data), CPU);
        Assert.Empty(contract.Still);
        Assert.Empty(contract.Moved);
        Assert.Empty(contract.AveragesStill);
        Assert.Equal(recipe is GanRecipe, contract.GeneratorGradient is not null);
        Assert.True(contract.Holds && contract.Parameters > 0);
    }

    [Theory]
    [InlineData("model.conditioning=concat")]
    [InlineData("model.conditioning=projection")]
    [InlineData("model.conditioning=classifier")]
    [InlineData("model.upsampling=nearest")]
    [InlineData("model.discriminator_norm=spectral")]
    [InlineData("objective.game=hinge")]
    [InlineData("objective.augment=[\"colour\",\"translation\",\"cutout\"]")]
    public void It_holds_under_settings(string change)
    {
        var recipe = Settings.With(RecipeList.Find("dcgan").Tiny, [change]);
        Assert.True(GradientContract.Of(recipe, DataSet.Open(recipe.Data), CPU).Holds);
    }

    // The contract must be able to fail: a part cut off, a part that is frozen and moves.
    [Fact]
    public void A_part_that_learning_does_not_reach_is_named()
    {
        using var scope = NewDisposeScope();
        var model = new Severed();
        var data = DataSet.Open(new DataSettings());
        var algorithm = new LikelihoodAlgorithm(model, batch => new ExactTerms(model.call(batch.X)), (terms, _) => terms.Nll.mean(), new Manifold.Engine.OptimizerSettings(), new Schedule(), 4);
        var contract = GradientContract.Of(algorithm, data.Train.Shuffled(0, PixelRange.Unit), CPU);
        Assert.Equal(["model.severed.weight", "model.severed.bias"], contract.Still);
        Assert.False(contract.Holds);
    }

    private sealed class Severed : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Module<Tensor, Tensor> whole = nn.Linear(784, 1), severed = nn.Linear(784, 1);
        public Severed() : base(nameof(Severed)) => RegisterComponents();
        public override Tensor forward(Tensor x) => (whole.call(x.flatten(1)) + severed.call(x.flatten(1)).detach()).squeeze(1);
    }
}
