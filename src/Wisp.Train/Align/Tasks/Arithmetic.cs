using System.Globalization;
using Wisp.Train.Align.Lessons;

namespace Wisp.Train.Align.Tasks;

/// <summary>
/// Sums, differences and products of whole numbers, without a calculator. Digits stand apart, "2 7 + 5 8", so that
/// every digit is a token of its own and a small model can learn the rule instead of a table.
/// </summary>
internal static class Arithmetic
{
    public static VerifiableTask Task { get; } = new("arithmetic", Draw, Wrong, Judge, ReadQuestion);

    private static Problem Draw(ulong seed)
    {
        var choose = new Chooser(seed);
        var sign = choose.Of('+', '+', '-', '*');
        int a = choose.From(1, 99), b = sign == '*' ? choose.From(2, 9) : choose.From(1, 99);
        if (sign == '-' && a < b)
            (a, b) = (b, a);
        return Of(a, sign, b);
    }

    private static Problem Of(int a, char sign, int b)
    {
        var value = sign switch { '+' => a + b, '-' => a - b, _ => a * b };
        // 2 + 3 and 3 + 2 are one problem: knowing the one is knowing the other.
        var key = sign == '-' ? $"{a}-{b}" : $"{Math.Min(a, b)}{sign}{Math.Max(a, b)}";
        return Problem.Of($"{Apart(a)} {sign} {Apart(b)} = ?", key, Apart(value));
    }

    private static Problem? ReadQuestion(string text)
    {
        if (!text.EndsWith("= ?", StringComparison.Ordinal) || text.IndexOfAny(['+', '-', '*']) is not (> 0 and var at))
            return null;
        return Read(text[..at]) is >= 0 and < 1000 and var a && Read(text[(at + 1)..^3]) is >= 0 and < 1000 and var b
            ? Of((int)a, text[at], (int)b) : null;
    }

    private static string Wrong(Problem problem, ulong seed)
    {
        var choose = new Chooser(seed);
        var value = Read(problem.Solution)!.Value;
        var error = choose.From(1, 12) * choose.Of(-1, 1);
        return Apart(value + error < 0 ? value - error : value + error);
    }

    internal static Verdict Judge(Problem problem, string answer) => Read(answer) is not { } value ? Verdict.Malformed
        : value == Read(problem.Solution) ? Verdict.Right : Verdict.Wrong;

    /// <summary>
    /// The number that an answer gives: what stands behind its last '=', or all of it; spaces between digits and a full
    /// stop behind them do not matter. Null where that is no whole number of at most 15 digits.
    /// </summary>
    internal static long? Read(string answer)
    {
        var text = answer[(answer.LastIndexOf('=') + 1)..].Replace(" ", "", StringComparison.Ordinal).Trim();
        text = text.EndsWith('.') ? text[..^1] : text;
        return text.Length <= 16 && long.TryParse(
            text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : null;
    }

    private static string Apart(long value) =>
        string.Join(' ', value.ToString(CultureInfo.InvariantCulture).AsEnumerable());
}
