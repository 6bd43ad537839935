using Manifold.Engine;

namespace Manifold.Recipes;

/// <summary>A recipe with its name: what `./manifold list` shows.</summary>
/// <param name="Name">As typed after `./manifold train`.</param>
/// <param name="Summary">One line: the model, its data, and what to expect.</param>
/// <param name="Default">The settings of a run in earnest.</param>
/// <param name="Tiny">The same on a scale that tests can afford: seconds, not minutes.</param>
public sealed record RecipeEntry(string Name, string Summary, Recipe Default, Recipe Tiny);

/// <summary>The one list of what can be trained. A new model adds its line here.</summary>
public static class RecipeList
{
    public static readonly IReadOnlyList<RecipeEntry> All =
    [
        VaeRecipe.Vae,
        VaeRecipe.Vae2D,
        VaeRecipe.VaeConv,
        VaeRecipe.Ring,
        VaeRecipe.SwissRoll,
        MadeRecipe.Entry,
        PixelCnnRecipe.Entry,
        GatedPixelCnnRecipe.Entry,
        PixelCnnPlusRecipe.Entry,
        GanRecipe.Gan,
        GanRecipe.Dcgan,
        GanRecipe.Lsgan,
        GanRecipe.WganGp,
        GanRecipe.Ring,
        GanRecipe.RingDoubled,
        GanRecipe.Squares,
        GanRecipe.SwissRoll,
        GanRecipe.Stacked,
        FeaturesRecipe.Entry,
    ];

    /// <exception cref="SettingsException">There is no such recipe; the message has the nearest name and all names.</exception>
    public static RecipeEntry Find(string name) =>
        All.FirstOrDefault(entry => entry.Name == name)
        ?? throw new SettingsException($"No recipe \"{name}\".{Suggest.DidYouMean(name, All.Select(entry => entry.Name))} Recipes: {string.Join(", ", All.Select(entry => entry.Name))}.");
}
