using Manifold.Data;
using Manifold.Evaluation;
using Manifold.Models;
using Manifold.Recipes;
using Manifold.Sampling;
using static TorchSharp.torch;

namespace Manifold.Cli.Verbs;

/// <summary>Codes that have something in common, and pictures of them: the data's, or what the codes decode to.</summary>
/// <param name="Codes">[N, D].</param>
/// <param name="Pictures">[N, C, H, W] in [0, 1].</param>
internal sealed record CodeGroup(Tensor Codes, Tensor Pictures)
{
    public Tensor Mean => Codes.mean([0]);
    public CodeGroup First(int count) => new(Codes[..Math.Min(count, (int)Codes.shape[0])], Pictures[..Math.Min(count, (int)Pictures.shape[0])]);
}

/// <summary>Finds the groups that arithmetic is told of: seeds:3,7,12, or a class.</summary>
internal sealed class CodeGroups(TrainedModel trained, IDecoder decoder, Func<DataSet> open, string split, string? features)
{
    private const string Seeds = "seeds:";
    private const int Most = 500;                                              // pictures of a class that are encoded
    private readonly Lazy<DataSet> data = new(open);

    public CodeGroup Of(string name)
    {
        if (name.StartsWith(Seeds, StringComparison.Ordinal)) return Decoded(Latents.FromSeeds(SeedRange.Parse(name[Seeds.Length..]), decoder).to(trained.Device));
        var label = ClassOf(data.Value, name);
        if (trained.Model is not IEncoder encoder) return Decoded(Arithmetic.Recognized(decoder, Classifier().Probabilities, label, trained.Device));
        var pictures = Arithmetic.Of(data.Value.Part(split), label, Most);
        return new CodeGroup(Arithmetic.Encoded(encoder, pictures, trained.Device), pictures.X.to(trained.Device));
    }

    private CodeGroup Decoded(Tensor codes) => new(codes, decoder.Decode(codes));

    private Extractor Classifier() => features is not null && !Directory.Exists(features)
        ? throw new SettingsException($"--features is {features}; it needs the folder of a run of features (./manifold train features).")
        : Extractors.Open(features, data.Value) is { Classifies: true } extractor ? extractor
        : throw new SettingsException($"{trained.Run.Path} has no encoder, so its classes are told by a classifier of {data.Value.Name}: train one, ./manifold train features --data {trained.Recipe.Data.Set}, and give --features that run. Or name samples by their seeds: --plus seeds:3,7,12.");

    private static int ClassOf(DataSet set, string name)
    {
        var index = set.ClassNames.ToList().IndexOf(name);
        if (index >= 0) return index;
        if (int.TryParse(name, out var number) && number >= 0 && number < set.Classes) return number;
        throw new SettingsException(set.Classes == 0 ? $"{set.Name} has no labels; arithmetic needs classes." : $"There is no class \"{name}\" in {set.Name}; it has {(set.ClassNames.Count > 0 ? string.Join(", ", set.ClassNames) : $"0 to {set.Classes - 1}")}.");
    }
}
