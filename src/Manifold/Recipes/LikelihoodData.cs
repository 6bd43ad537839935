using System.Text.Json;
using Manifold.Data;
using Manifold.Layers;

namespace Manifold.Recipes;

/// <summary>Whether a likelihood and the pictures that it is of go together.</summary>
internal static class LikelihoodData
{
    /// <summary>Coins need 0 and 1, values need bytes, densities need something continuous; points need a density without a range.</summary>
    /// <exception cref="SettingsException">The two do not go together; the message says what would.</exception>
    public static void Suit(LikelihoodSettings likelihood, DataSettings data, DataFacts facts)
    {
        if (facts.Shape.IsPoint && (likelihood.Kind != Likelihood.Gaussian || likelihood.SquashMean))
            throw new SettingsException($"{facts.Name} is of points of the plane, which are neither coins nor grey values and have no range, and model.likelihood.{(likelihood.Kind != Likelihood.Gaussian ? $"kind is {Words(likelihood.Kind)}" : "squash_mean is true")}. Points need model.likelihood.kind=gaussian and model.likelihood.squash_mean=false, as in the recipes vae-ring and vae-swiss-roll.");
        if (likelihood.Kind == Likelihood.Bernoulli && (data.Binarize == Binarization.None || data.Dequantize))
            throw new SettingsException($"model.likelihood.kind is bernoulli, which needs pictures of 0 and 1, and {(data.Dequantize ? "data.dequantize is true" : "data.binarize is none")}. Set data.binarize to dynamic, threshold or fixed, or model.likelihood.kind to gaussian or discretized_logistic.");
        if (likelihood.Kind is not (Likelihood.Bernoulli or Likelihood.Gaussian) && (data.Binarize != Binarization.None || data.Dequantize))
            throw new SettingsException($"model.likelihood.kind is {Words(likelihood.Kind)}, which is of the {likelihood.Levels} values of a pixel, and {(data.Dequantize ? "data.dequantize is true" : $"data.binarize is {Words(data.Binarize)}")}. Set data.{(data.Dequantize ? "dequantize=false" : "binarize=none")}, or model.likelihood.kind to {(data.Dequantize ? "gaussian" : "bernoulli")}.");
        var levels = likelihood.Kind is Likelihood.Bernoulli or Likelihood.Gaussian ? 256 : likelihood.Levels;
        if (data.Levels != levels)
            throw new SettingsException(likelihood.Kind is Likelihood.Bernoulli or Likelihood.Gaussian
                ? $"data.levels is {data.Levels}, and model.likelihood.kind is {Words(likelihood.Kind)}, which has no levels. Set model.likelihood.kind to categorical, logistic_mixture or discretized_logistic, or leave data.levels at 256."
                : $"data.levels is {data.Levels} and model.likelihood.levels is {likelihood.Levels}; they need to be the same: --set model.likelihood.levels={data.Levels}.");
    }

    /// <summary>As the setting is written.</summary>
    public static string Words(Enum value) => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
