using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Manifold.Cli;

/// <summary>
/// Reads the numbers of the command line strictly: digits, a decimal point, an exponent. The parser's own conversion allows
/// thousands separators, so it reads the decimal comma of 0,5 as 5.
/// </summary>
internal static class StrictNumbers
{
    private const NumberStyles Whole = NumberStyles.AllowLeadingSign;
    private const NumberStyles Fraction = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;

    /// <summary>Gives every option and argument of a number, of this command and of those below it, a strict parser.</summary>
    /// <exception cref="NotSupportedException">An option has a type of number that is not known here.</exception>
    public static void Apply(Command command)
    {
        foreach (var option in command.Options) Apply(option);
        foreach (var argument in command.Arguments) Apply(argument);
        foreach (var inner in command.Subcommands) Apply(inner);
    }

    private static void Apply(Option option)
    {
        switch (option)
        {
            case Option<int> whole: whole.CustomParser = result => Parse<int>(result, Whole) ?? 0; break;
            case Option<int?> whole: whole.CustomParser = result => Parse<int>(result, Whole); break;
            case Option<long> whole: whole.CustomParser = result => Parse<long>(result, Whole) ?? 0; break;
            case Option<long?> whole: whole.CustomParser = result => Parse<long>(result, Whole); break;
            case Option<double> number: number.CustomParser = result => Parse<double>(result, Fraction) ?? 0; break;
            case Option<double?> number: number.CustomParser = result => Parse<double>(result, Fraction); break;
            default: RefuseNumber(option.ValueType, option.Name); break;
        }
    }

    private static void Apply(Argument argument)
    {
        switch (argument)
        {
            case Argument<int> whole: whole.CustomParser = result => Parse<int>(result, Whole) ?? 0; break;
            case Argument<long> whole: whole.CustomParser = result => Parse<long>(result, Whole) ?? 0; break;
            case Argument<double> number: number.CustomParser = result => Parse<double>(result, Fraction) ?? 0; break;
            default: RefuseNumber(argument.ValueType, argument.Name); break;
        }
    }

    // A new type of number must not fall back to the lenient parser unseen.
    private static void RefuseNumber(Type type, string name)
    {
        var value = type.IsArray ? type.GetElementType()! : Nullable.GetUnderlyingType(type) ?? type;
        if (value.GetInterfaces().Any(one => one.IsGenericType && one.GetGenericTypeDefinition() == typeof(System.Numerics.INumber<>)))
            throw new NotSupportedException($"{name} is of {type}, for which {nameof(StrictNumbers)} has no parser; add one.");
    }

    private static T? Parse<T>(ArgumentResult result, NumberStyles style) where T : struct, System.Numerics.INumber<T>
    {
        var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
        if (T.TryParse(text, style, CultureInfo.InvariantCulture, out var value) && T.IsFinite(value)) return value;
        result.AddError(NotANumber(result, text, typeof(T) == typeof(double)));
        return null;
    }

    private static string NotANumber(ArgumentResult result, string text, bool isFraction)
    {
        var name = (result.Parent as OptionResult)?.Option.Name ?? result.Argument.Name;
        var needs = isFraction ? "a number, such as 0.5" : "a whole number, such as 1000";
        var hint = text.Contains(',') ? "; a comma is neither a decimal point nor a thousands separator here" : "";
        return $"{name} is {text}; it needs {needs}{hint}.";
    }
}
