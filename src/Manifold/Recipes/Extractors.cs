using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Models;
using static TorchSharp.torch;

namespace Manifold.Recipes;

/// <summary>That a TorchScript file, which is code, may run: it was named by the command that is being carried out, and not by a file.</summary>
/// <param name="Say">Told which file runs, and its hash.</param>
/// <param name="ExpectedHash">The beginning of the SHA-256 that a run's config.json has of it; null where there is no such.</param>
public sealed record ScriptConsent(Action<string> Say, string? ExpectedHash = null);

/// <summary>Finds the extractor of features that a metric asks for.</summary>
public static class Extractors
{
    /// <summary>The extractor of a run of features, of a TorchScript file, or the one inside the library for the bundled pictures.</summary>
    /// <param name="features">A run's folder or a file; null for the one inside the library, where the data is bundled.</param>
    /// <param name="script">Without it a TorchScript file is refused: nothing that a run's folder names may run.</param>
    /// <returns>Null where none is given and the data is not bundled.</returns>
    /// <exception cref="SettingsException">The run is not of features, or the file may not run.</exception>
    /// <exception cref="MetricException">The file cannot be loaded.</exception>
    public static Extractor? Open(string? features, DataSet data, ScriptConsent? script = null)
    {
        if (features is null) return data.Name == DataSet.Bundled ? Extractor.Bundled() : null;
        if (!Directory.Exists(features)) return OfScript(features, script);
        var trained = TrainedModel.Open(features, "ema", CPU);
        if (trained.Model is not SmallClassifier classifier)
            throw new SettingsException($"--features is {features}, a run of {trained.Config.Recipe}; it needs a run of features (./manifold train features), or a TorchScript file.");
        return Extractor.Of(classifier, RunReader.Hash(trained.Checkpoint, "ema"));
    }

    private static Extractor OfScript(string path, ScriptConsent? consent)
    {
        var file = ScriptFile.Read(path);
        if (consent is null)
            throw new SettingsException($"{path} is a TorchScript file, that is code, and runs only where the command itself names it. Add --features {ShellText.QuotedPath(path)}, if you trust it.");
        if (consent.ExpectedHash is { } expected && expected != file.ShortHash)
            throw new SettingsException($"{path} is another file than the one that this run takes its scores with: its SHA-256 begins with {file.ShortHash}, and was {expected}. Restore that file, or start a new folder.");
        consent.Say($"{path} is a TorchScript file, that is code (SHA-256 {file.Hash}). It runs in a process of its own.");
        return Extractor.Script(file);
    }
}
