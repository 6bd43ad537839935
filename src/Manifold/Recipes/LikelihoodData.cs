using System.Text.Json;
using Manifold.Data;
using Manifold.Layers;

namespace Manifold.Recipes;

/// <summary>Whether a likelihood and the pictures that it is of go together.</summary>
internal static class LikelihoodData
{
    /// <summary>Coins need 0 and 1, values need bytes, densities need something continuous.</summary>
    /// <exception cref="SettingsException">The two do not go together; the message says what would.</exception>
    public static void Suit(LikelihoodSettings likelihood, DataSettings data)
    {
        if (likelihood.Kind == Likelihood.Bernoulli && (data.Binarize == Binarization.None || data.Dequantize))
            throw new SettingsException($"model.likelihood.kind is bernoulli, which needs pictures of 0 and 1, and {(data.Dequantize ? "data.dequantize is true" : "data.binarize is none")}. Set data.binarize to dynamic, threshold or fixed, or model.likelihood.kind to gaussian or discretized_logistic.");
        if (likelihood.Kind is not (Likelihood.Bernoulli or Likelihood.Gaussian) && (data.Binarize != Binarization.None || data.Dequantize))
            throw new SettingsException($"model.likelihood.kind is {Words(likelihood.Kind)}, which is of the 256 values of a byte, and {(data.Dequantize ? "data.dequantize is true" : $"data.binarize is {Words(data.Binarize)}")}. Set data.{(data.Dequantize ? "dequantize=false" : "binarize=none")}, or model.likelihood.kind to {(data.Dequantize ? "gaussian" : "bernoulli")}.");
    }

    /// <summary>As the setting is written.</summary>
    public static string Words(Enum value) => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
