using System.Globalization;
using System.Text.RegularExpressions;

namespace Wisp.Train.Eval.Scoring;

/// <summary>
/// The number that an answer comes to: what follows <c>####</c> as GSM8K writes it, else the last number in the text.
/// </summary>
public static partial class NumberAnswer
{
    // Answers of the sets have cents at most; what a model computes may have more.
    private const decimal Tolerance = 0.005m;

    public static decimal? In(string text)
    {
        var mark = text.LastIndexOf("####", StringComparison.Ordinal);
        var found = Number().Matches(mark >= 0 ? text[mark..] : text);
        if (found.Count == 0)
            return null;
        var digits = (mark >= 0 ? found[0] : found[^1]).Value.Replace(",", "", StringComparison.Ordinal);
        return decimal.TryParse(digits, NumberStyles.Number, CultureInfo.InvariantCulture, out var value)
            ? value : null;
    }

    public static bool Same(decimal? answer, decimal wanted) =>
        answer is { } value && Math.Abs(value - wanted) < Tolerance;

    // A sign belongs to a number only where it does not join two of them, as in 3-2.
    [GeneratedRegex(@"(?<![\d)])-?\d[\d,]*(\.\d+)?")]
    private static partial Regex Number();
}
