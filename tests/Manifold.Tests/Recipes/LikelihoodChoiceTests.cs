using Manifold.Data;
using Manifold.Layers;
using Manifold.Models;
using Manifold.Pictures;
using Manifold.Recipes;

namespace Manifold.Tests.Recipes;

/// <summary>What a new run takes pixels for where the user left it open, on pictures made here.</summary>
public class LikelihoodChoiceTests
{
    private static byte Value(string kind, int picture, int at) => kind switch
    {
        "digits" => (byte)(at % 8 is 3 or 4 ? 255 : at % 8 == 2 ? 120 : 0),                     // strokes with one grey side
        "discs" => (byte)(at % 8 is 3 or 4 ? 128 : 0),                                          // grey shapes on black
        "dark" => (byte)((at + picture) % 30),                                                  // nothing above 29
        "bright" => (byte)(255 - (at + picture) % 30),
        "black" => 0,
        "shades" => (byte)(at * 3 + picture),
        _ => (byte)(at * 7 + picture * 5),                                                      // photographs
    };

    private static void Write(string folder, string kind)
    {
        Directory.CreateDirectory(folder);
        var channels = kind == "photos" ? 3 : 1;
        for (var i = 0; i < 20; i++)
            File.WriteAllBytes(Path.Combine(folder, $"{i:00}.png"), new Picture(8, 8, channels, [.. Enumerable.Range(0, 64 * channels).Select(at => Value(kind, i, at))]).ToPng());
    }

    private static (Recipe Recipe, DataSet Data) Fit(TemporaryFolder folder, string recipe, string kind, params string[] changes)
    {
        if (!Directory.Exists(folder[kind])) Write(folder[kind], kind);
        var entry = RecipeList.Find(recipe);
        string[] all = [$"data.set={(kind == "bundled" ? kind : folder[kind])}", .. changes];
        var asked = Settings.With(entry.Tiny, all);
        return Recipe.FitTo(asked, DataSet.Open(asked.Data), entry, all, null);
    }

    private static LikelihoodSettings Of(Recipe recipe) => recipe switch
    {
        VaeRecipe vae => vae.Model.Likelihood,
        MadeRecipe made => made.Model.Likelihood,
        PixelCnnRecipe pixel => pixel.Model.Likelihood,
        GatedPixelCnnRecipe gated => gated.Model.Likelihood,
        PixelCnnPlusRecipe plus => plus.Model.Likelihood,
        _ => throw new ArgumentException(recipe.GetType().Name),
    };

    [Theory]
    [InlineData("vae", "photos", Likelihood.Gaussian, Binarization.None, "photos has 3 channels")]
    [InlineData("vae-conv", "photos", Likelihood.Gaussian, Binarization.None, "photos has 3 channels")]
    [InlineData("vae-2d", "shades", Likelihood.Gaussian, Binarization.None, "nearly black")]
    [InlineData("vae", "discs", Likelihood.Gaussian, Binarization.None, "75 % of its values are nearly black and 0 % nearly white")]
    [InlineData("vae", "dark", Likelihood.Gaussian, Binarization.None, "100 % of its values are nearly black and 0 % nearly white")]
    [InlineData("vae", "bright", Likelihood.Gaussian, Binarization.None, "0 % of its values are nearly black and 100 % nearly white")]
    [InlineData("vae", "black", Likelihood.Gaussian, Binarization.None, "100 % of its values are nearly black")]
    [InlineData("vae", "digits", Likelihood.Bernoulli, Binarization.Dynamic, "62 % of its values are nearly black and 25 % nearly white")]
    [InlineData("vae", "bundled", Likelihood.Bernoulli, Binarization.Dynamic, "the recipe's own for bundled")]
    [InlineData("made", "photos", Likelihood.DiscretizedLogistic, Binarization.None, "photos has 3 channels")]
    [InlineData("made", "digits", Likelihood.Bernoulli, Binarization.Dynamic, "nearly white")]
    [InlineData("pixelcnn", "shades", Likelihood.LogisticMixture, Binarization.None, "nearly black")]
    [InlineData("gated-pixelcnn", "photos", Likelihood.LogisticMixture, Binarization.None, "photos has 3 channels")]
    [InlineData("pixelcnn-pp", "photos", Likelihood.LogisticMixture, Binarization.None, "the recipe's own")]
    [InlineData("vae", "photos", Likelihood.Bernoulli, Binarization.Dynamic, "data.binarize is set", "data.binarize=dynamic")]
    [InlineData("vae", "photos", Likelihood.Bernoulli, Binarization.Threshold, "data.binarize is set", "data.binarize=threshold")]
    [InlineData("vae", "photos", Likelihood.Bernoulli, Binarization.Dynamic, "as set", "model.likelihood.kind=bernoulli")]
    [InlineData("vae", "photos", Likelihood.DiscretizedLogistic, Binarization.None, "model.likelihood.kind is set", "model.likelihood.kind=discretized_logistic")]
    [InlineData("vae", "bundled", Likelihood.Gaussian, Binarization.None, "model.likelihood.kind is set", "model.likelihood.kind=gaussian")]
    [InlineData("vae", "digits", Likelihood.Gaussian, Binarization.None, "data.binarize is set", "data.binarize=none")]
    [InlineData("vae", "digits", Likelihood.Gaussian, Binarization.None, "data.binarize is set", "data.binarize=none", "data.dequantize=true")]
    [InlineData("made", "bundled", Likelihood.DiscretizedLogistic, Binarization.None, "data.binarize is set", "data.binarize=none")]
    [InlineData("vae", "bundled", Likelihood.Gaussian, Binarization.Dynamic, "as set", "model.likelihood.kind=gaussian", "data.binarize=dynamic")]
    public void What_is_left_open_follows_the_data(string recipe, string kind, Likelihood likelihood, Binarization binarize, string reason, params string[] changes)
    {
        using var folder = new TemporaryFolder();
        var (fitted, data) = Fit(folder, recipe, kind, changes);
        Assert.Equal((likelihood, binarize, binarize), (Of(fitted).Kind, fitted.Data.Binarize, data.Train.Binarize));
        Assert.Contains(reason, fitted.LikelihoodReason);
        fitted.Build(DataFacts.Of(data), TorchSharp.torch.CPU);                                   // and the two go together
    }

    // What the user set of the likelihood stays, beside what was chosen.
    [Fact]
    public void A_spread_that_is_set_stays()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(Spread.EachPixel, Of(Fit(folder, "made", "photos").Recipe).Spread);
        var (fitted, _) = Fit(folder, "made", "photos", "model.likelihood.spread=learned", "model.likelihood.sigma=0.2");
        Assert.Equal((Likelihood.DiscretizedLogistic, Spread.Learned, 0.2), (Of(fitted).Kind, Of(fitted).Spread, Of(fitted).Sigma));
    }

    // config.json has what was chosen, so a resume does not choose anew, and samples and measurements are of the same pixels.
    [Fact]
    public void A_run_keeps_what_was_chosen()
    {
        using var folder = new TemporaryFolder();
        Write(folder["photos"], "photos");
        var entry = RecipeList.Find("vae");
        var request = new TrainingRequest(entry with { Default = entry.Tiny }) { Folder = folder["run"], Changes = [$"data.set={folder["photos"]}", "trainer.examples=40"] };
        using (var run = TrainingRun.Open(request)) run.Train();
        using (var resumed = TrainingRun.Open(request with { Changes = [$"data.set={folder["photos"]}", "trainer.examples=80"] }))
        {
            Assert.True(resumed.IsResumed);
            Assert.Equal((Likelihood.Gaussian, Binarization.None), (Of(resumed.Recipe).Kind, resumed.Data.Train.Binarize));
            Assert.Equal(80, resumed.Train());
        }
        var trained = TrainedModel.Open(folder["run"], "ema", TorchSharp.torch.CPU);
        Assert.False(((Vae)trained.Model).IsDiscrete);
        Assert.Equal(Binarization.None, trained.OpenData(null, null).Validation.Binarize);
    }
}
