using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Evaluation;
using Manifold.Models;
using static TorchSharp.torch;

namespace Manifold.Recipes;

/// <summary>Finds the extractor of features that a metric asks for.</summary>
public static class Extractors
{
    /// <summary>The extractor of a run of features, of a TorchScript file, or the one inside the library for the bundled pictures.</summary>
    /// <param name="features">A run's folder or a file; null for the one inside the library, where the data is bundled.</param>
    /// <returns>Null where none is given and the data is not bundled.</returns>
    /// <exception cref="SettingsException">The run is not of features.</exception>
    /// <exception cref="MetricException">The file cannot be loaded.</exception>
    public static Extractor? Open(string? features, DataSet data)
    {
        if (features is null) return data.Name == DataSet.Bundled ? Extractor.Bundled() : null;
        if (!Directory.Exists(features)) return Extractor.Script(features);
        var trained = TrainedModel.Open(features, "ema", CPU);
        if (trained.Model is not SmallClassifier classifier)
            throw new SettingsException($"--features is {features}, a run of {trained.Config.Recipe}; it needs a run of features (./manifold train features), or a TorchScript file.");
        return Extractor.Of(classifier, RunReader.Hash(trained.Checkpoint, "ema"));
    }
}
