using Manifold.Engine;

namespace Manifold.Data;

/// <summary>Which pictures, and what is done to them before a model sees them.</summary>
public sealed record DataSettings
{
    public string Set { get; init; } = "bundled";                              // a set by name, or the path of a folder, archive or idx file
    public int? Size { get; init; }                                            // pictures are cropped to the centre square and resized to this many pixels; as they are if null
    public bool Flip { get; init; }                                            // training pictures are mirrored left to right half of the time
    public Binarization Binarize { get; init; } = Binarization.None;           // how grey becomes 0 or 1
    public bool Dequantize { get; init; }                                      // grey becomes (byte + u) / 256, u uniform on [0, 1), so that a density has bits per dimension
    public int Levels { get; init; } = 256;                                    // grey values, 2 to 256: bytes are rounded to so many, evenly from black to white
    public bool SkipBad { get; init; }                                         // leave out pictures that cannot be read, and count them

    /// <exception cref="ArgumentOutOfRangeException">There is no name, or the size is not positive.</exception>
    public DataSettings Validated()
    {
        SettingChecks.Need(Set.Trim().Length > 0, "data.set", "empty", "the name of a set or a path; `./manifold data list` shows the sets that are here");
        SettingChecks.Need(Size is null or > 0 and <= DecodedLimit.LargestSize, "data.size", Size, $"1 to {DecodedLimit.LargestSize}");
        SettingChecks.Need(!Dequantize || Binarize == Binarization.None, "data.dequantize", "true", "data.binarize=none: coins have nothing to dequantize");
        SettingChecks.Need(Levels is >= 2 and <= 256, "data.levels", Levels, "2 to 256");
        SettingChecks.Need(Levels == 256 || !Dequantize && Binarize == Binarization.None, "data.levels", Levels, "data.binarize=none and data.dequantize=false: fewer levels are an end of their own");
        return this;
    }

    /// <summary>These settings with a set that is named by its path named by its full path; a set by name stays as it is.</summary>
    public DataSettings WithFullPath() => DataSet.IsPath(this) ? this with { Set = Path.GetFullPath(Set) } : this;
}

/// <summary>Data is missing, broken, or not what a model needs. The message names the file, what it has, and the way out.</summary>
public sealed class DataException(string message, Exception? inner = null) : Exception(message, inner);
