using System.Globalization;

namespace Wisp.Train.Eval.Scoring;

/// <summary>
/// Works out an expression of numbers, + − * / and parentheses, in decimals, and nothing else: what a model writes is
/// never run.
/// </summary>
public static class Calculator
{
    // Deeper than any sum that anyone wrote down, and far from the end of the stack.
    private const int MaxDepth = 64, MaxLength = 512;

    /// <summary>The value; null where it is no such expression, divides by zero or is too large.</summary>
    public static decimal? Value(string expression)
    {
        if (expression.Length > MaxLength)
            return null;
        try
        {
            var at = 0;
            var value = Sum(expression, ref at, 0);
            Skip(expression, ref at);
            return at == expression.Length ? value : null;
        }
        catch (Exception e) when (e is FormatException or DivideByZeroException or OverflowException)
        {
            return null;
        }
    }

    /// <summary>A result as the calculator of the lessons writes it.</summary>
    public static string Text(decimal value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    private static decimal Sum(string text, ref int at, int depth)
    {
        var value = Product(text, ref at, depth);
        while (Sign(text, ref at, "+-") is { } sign)
            value = sign == '+' ? value + Product(text, ref at, depth) : value - Product(text, ref at, depth);
        return value;
    }

    private static decimal Product(string text, ref int at, int depth)
    {
        var value = Factor(text, ref at, depth);
        while (Sign(text, ref at, "*/") is { } sign)
            value = sign == '*' ? value * Factor(text, ref at, depth) : value / Factor(text, ref at, depth);
        return value;
    }

    private static decimal Factor(string text, ref int at, int depth)
    {
        if (depth > MaxDepth)
            throw new FormatException();
        if (Sign(text, ref at, "+-") is { } sign)
            return sign == '-' ? -Factor(text, ref at, depth + 1) : Factor(text, ref at, depth + 1);
        if (Sign(text, ref at, "(") is not null)
        {
            var value = Sum(text, ref at, depth + 1);
            return Sign(text, ref at, ")") is not null ? value : throw new FormatException();
        }

        Skip(text, ref at);
        var from = at;
        while (at < text.Length && (char.IsAsciiDigit(text[at]) || text[at] is '.' or ','))
            at++;
        return decimal.Parse(
            text.AsSpan(from, at - from), NumberStyles.AllowDecimalPoint | NumberStyles.AllowThousands,
            CultureInfo.InvariantCulture);
    }

    private static char? Sign(string text, ref int at, string signs)
    {
        Skip(text, ref at);
        return at < text.Length && signs.Contains(text[at]) ? text[at++] : null;
    }

    private static void Skip(string text, ref int at)
    {
        while (at < text.Length && text[at] == ' ')
            at++;
    }
}
