using Manifold.Data;
using Manifold.Layers;

namespace Manifold.Recipes;

/// <summary>
/// The likelihood and the binarization of a new run, where the user sets only some of them or none. A recipe's own are for the data set that it
/// names; on another they follow the data, so that greys and colours are never taken for probabilities by default.
/// </summary>
/// <param name="Data">With the binarization.</param>
/// <param name="Likelihood">Of a pixel.</param>
/// <param name="Reason">Why these, for the first line of the run.</param>
internal sealed record LikelihoodChoice(DataSettings Data, LikelihoodSettings Likelihood, string Reason)
{
    private const string Kind = "model.likelihood.kind", Binarize = "data.binarize";

    /// <param name="likelihood">With what the user set.</param>
    /// <param name="settings">With what the user set.</param>
    /// <param name="own">The name of the set that the recipe's own settings are for.</param>
    /// <param name="isSet">Whether the user set this path.</param>
    /// <param name="grey">For pixels of many values.</param>
    public static LikelihoodChoice Of(LikelihoodSettings likelihood, DataSettings settings, DataSet data, string own, Func<string, bool> isSet, LikelihoodSettings grey)
    {
        var asItIs = new LikelihoodChoice(settings, likelihood, "as set");
        if (data.Shape.IsPoint || isSet("data.levels") || isSet(Kind) && isSet(Binarize)) return asItIs;
        if (isSet(Kind))
            return likelihood.Kind == Layers.Likelihood.Bernoulli || settings.Binarize == Binarization.None ? asItIs
                : new(settings with { Binarize = Binarization.None }, likelihood, $"{Kind} is set");
        if (likelihood.Kind != Layers.Likelihood.Bernoulli) return asItIs with { Reason = "the recipe's own" };
        var greys = With(likelihood, grey, isSet);
        if (isSet(Binarize)) return asItIs with { Likelihood = Suited(likelihood, settings, greys), Reason = $"{Binarize} is set" };
        if (settings.Set == own) return asItIs with { Reason = $"the recipe's own for {data.Name}" };
        return ByMeasure(asItIs, data, greys);
    }

    private static LikelihoodSettings Suited(LikelihoodSettings likelihood, DataSettings settings, LikelihoodSettings grey) =>
        settings.Binarize != Binarization.None ? likelihood : settings.Dequantize ? likelihood with { Kind = Layers.Likelihood.Gaussian } : grey;

    private static LikelihoodChoice ByMeasure(LikelihoodChoice asItIs, DataSet data, LikelihoodSettings grey)
    {
        var plain = asItIs.Data with { Binarize = Binarization.None };
        if (data.Shape.Channels > 1) return new(plain, grey, $"{data.Name} has {data.Shape.Channels} channels");
        var found = data.Train.MeasureTones();
        var share = FormattableString.Invariant($"{found.Black:P0} of its values are nearly black and {found.White:P0} nearly white");
        return found.IsBlackAndWhite ? asItIs with { Reason = share } : new(plain, grey, share);
    }

    // What the user set of the likelihood stays.
    private static LikelihoodSettings With(LikelihoodSettings likelihood, LikelihoodSettings grey, Func<string, bool> isSet) =>
        likelihood with { Kind = grey.Kind, Spread = isSet("model.likelihood.spread") ? likelihood.Spread : grey.Spread };

    /// <summary>In a phrase: what it is, and why.</summary>
    public override string ToString() =>
        $"{LikelihoodData.Words(Likelihood.Kind)} likelihood, {(Data.Binarize == Binarization.None ? "not binarized" : $"binarized ({LikelihoodData.Words(Data.Binarize)})")}: {Reason}";
}
