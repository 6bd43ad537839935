using System.Globalization;
using System.Text.RegularExpressions;

namespace Manifold.Evaluation;

/// <summary>The name of a number that is taken of samples, with its protocol: fid_lenet_10000.</summary>
/// <param name="Kind">Such as fid.</param>
/// <param name="Extractor">lenet, rotnet or script; null where none is needed.</param>
/// <param name="Count">Samples.</param>
public sealed partial record SampleMetric(string Name, string Kind, string? Extractor, int Count)
{
    /// <summary>The forms of the names, for messages and help.</summary>
    public static readonly IReadOnlyList<string> Names =
    [
        "fid_X_N", "kid_X_N", "precision_recall_X_N", "density_coverage_X_N", "inception_score_X_N", "recognition_X_N", "memorization_X_N", "swd_N", "c2st_N", "parzen_N", "modes_N", "off_manifold_N", "missed_N", "linear_probe", "knn_probe",
    ];

    /// <summary>The fewest samples that a metric may be of.</summary>
    public const int Fewest = 10;

    /// <summary>The metric of that name; null if it is of no such form.</summary>
    public static SampleMetric? Parse(string name)
    {
        if (name is "linear_probe" or "knn_probe") return new SampleMetric(name, name, null, 0);
        if (WithExtractor().Match(name) is { Success: true } match) return Made(match.Groups[1].Value, match.Groups[2].Value, match.Groups[3].Value);
        return Without().Match(name) is { Success: true } bare ? Made(bare.Groups[1].Value, null, bare.Groups[2].Value) : null;

        SampleMetric? Made(string kind, string? extractor, string count) => int.TryParse(count, CultureInfo.InvariantCulture, out var n) && n is >= Fewest and <= 1_000_000 ? new SampleMetric(name, kind, extractor, n) : null;
    }

    /// <summary>Whether the metric wants a classifier or another extractor.</summary>
    public bool WantsExtractor => Extractor is not null;

    [GeneratedRegex("^(fid|kid|precision_recall|density_coverage|inception_score|recognition|memorization)_(lenet|rotnet|script)_([0-9]+)$")]
    private static partial Regex WithExtractor();

    [GeneratedRegex("^(swd|c2st|parzen|modes|off_manifold|missed)_([0-9]+)$")]
    private static partial Regex Without();
}
