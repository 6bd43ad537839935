using System.Globalization;

namespace Manifold.Engine;

/// <summary>Checks of settings: what is refused is named as it is written in config.json and after --set.</summary>
public static class SettingChecks
{
    /// <summary>Throws unless the setting is as it needs to be.</summary>
    /// <param name="path">Such as optimizer.learning_rate.</param>
    /// <param name="need">Ends the sentence "it needs ...".</param>
    /// <exception cref="ArgumentOutOfRangeException">The message names the setting, its value and what it needs, and nothing else.</exception>
    public static void Need(bool holds, string path, object? value, string need)
    {
        if (!holds) throw new ArgumentOutOfRangeException(null, string.Create(CultureInfo.InvariantCulture, $"{path} is {value ?? "null"}; it needs {need}."));
    }

    /// <summary>Throws unless the number is above 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The message names the setting and its value.</exception>
    public static void NeedPositive(double value, string path) => Need(value > 0, path, value, "to be above 0");
}
