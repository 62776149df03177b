using System.Globalization;
using System.Numerics;

namespace Wisp.Ai.Arithmetic;

/// <summary>What an expression comes to.</summary>
/// <param name="IsExact">Whether the decimals are all there are; otherwise the last one is rounded.</param>
public readonly record struct Sum(string Text, bool IsExact);

/// <summary>
/// Works out arithmetic exactly: + − × ÷, remainders, whole powers, percentages and brackets over decimal numbers of
/// any length. Only the last step, writing a number whose decimals never end, rounds.
/// </summary>
/// <remarks>
/// Powers bind tightest and to the right, then signs, then × ÷ and remainders, then + −. <c>%</c> before an operand
/// is the remainder and otherwise a percentage: 17 % 5 is 2, 20% of 50 is 10. Bounded in length, depth and size.
/// </remarks>
public static class Calculator
{
    private const int MaxCharacters = 1000;
    private const int MaxDepth = 64;

    // A number with more decimals than this is shown with fewer, and told to be rounded.
    private const int MostDecimals = 30, RoundedDecimals = 10;

    /// <exception cref="FormatException">The expression is none; the message says at what.</exception>
    public static Sum Work(string expression)
    {
        ArgumentNullException.ThrowIfNull(expression);
        if (expression.Length > MaxCharacters)
            throw new FormatException(
                $"the expression has {expression.Length} characters; {MaxCharacters} are the most");
        var text = new Reader(expression).All().ToDecimal(RoundedDecimals, MostDecimals, out var exact);
        return new Sum(text, exact);
    }

    /// <summary>What a model that called the calculator reads: the result, or what is wrong.</summary>
    /// <param name="expression">Null where the call gave no text.</param>
    public static string Reply(string? expression)
    {
        try
        {
            return expression is null ? "error: expression must be a text" : Work(expression).Text;
        }
        catch (FormatException e)
        {
            return $"error: {e.Message}";
        }
    }

    private sealed class Reader(string text)
    {
        private int _at, _depth;

        public Rational All()
        {
            var value = Terms();
            return _at == text.Length ? value : throw Unexpected();
        }

        private Rational Terms()
        {
            if (++_depth > MaxDepth)
                throw new FormatException($"brackets and signs are nested more than {MaxDepth} deep");
            var value = Factors();
            while (true)
                if (Take("+"))
                    value += Factors();
                else if (Take("-", "−", "–"))
                    value -= Factors();
                else
                    break;
            _depth--;
            return value;
        }

        private Rational Factors()
        {
            var value = Signed();
            while (true)
                if (Stands("**"))
                    throw Unexpected(); // powers were taken already: a sign stands wrongly before one
                else if (Take("*", "×", "·", "x", "X"))
                    value *= Signed();
                else if (Take("/", "÷", ":"))
                    value /= Signed();
                else if (Take("%"))
                    value = OperandFollows() ? value % Signed() : Percent(value);
                else
                    return value;
        }

        private Rational Percent(Rational value)
        {
            var share = value / Rational.Of(100, 1);
            return Take("of") ? share * Signed() : share;
        }

        private Rational Signed()
        {
            if (++_depth > MaxDepth)
                throw new FormatException($"brackets and signs are nested more than {MaxDepth} deep");
            var value = Take("-", "−", "–") ? -Signed() : Take("+") ? Signed() : Power();
            _depth--;
            return value;
        }

        private Rational Power()
        {
            var value = Operand();
            return Take("^", "**") ? Rational.Power(value, Signed()) : value;
        }

        private Rational Operand()
        {
            if (Take("("))
            {
                var inside = Terms();
                return Take(")") ? inside : throw new FormatException("a bracket is not closed");
            }

            SkipSpace();
            var begin = _at;
            var (digits, decimals, point) = (BigInteger.Zero, 0, false);
            for (; _at < text.Length; _at++)
            {
                if (char.IsAsciiDigit(text[_at]))
                {
                    digits = (digits * 10) + (text[_at] - '0');
                    decimals += point ? 1 : 0;
                }
                else if (text[_at] == '.' && !point)
                    point = true;
                else if (text[_at] != ',' || !GroupOfThree())
                    break;
            }

            if (_at - begin == (point ? 1 : 0))
            {
                _at = begin;
                throw Unexpected();
            }

            return Rational.Of(digits, BigInteger.Pow(10, decimals));
        }

        // 1,234,567: a comma is no part of a number but between groups.
        private bool GroupOfThree()
        {
            var end = _at + 1;
            while (end < text.Length && char.IsAsciiDigit(text[end]))
                end++;
            return _at > 0 && char.IsAsciiDigit(text[_at - 1]) && end - _at == 4;
        }

        private bool OperandFollows()
        {
            SkipSpace();
            return _at < text.Length && (char.IsAsciiDigit(text[_at]) || text[_at] is '(' or '.');
        }

        private bool Take(params ReadOnlySpan<string> signs)
        {
            foreach (var sign in signs)
                if (Stands(sign))
                {
                    _at += sign.Length;
                    return true;
                }

            return false;
        }

        private bool Stands(string sign)
        {
            SkipSpace();
            return string.CompareOrdinal(text, _at, sign, 0, sign.Length) == 0;
        }

        private void SkipSpace()
        {
            while (_at < text.Length && char.IsWhiteSpace(text[_at]))
                _at++;
        }

        private FormatException Unexpected() => new(_at < text.Length
            ? string.Create(CultureInfo.InvariantCulture, $"'{text[_at]}' at character {_at + 1} is not understood")
            : text.Length == 0 ? "the expression is empty" : "the expression ends too early");
    }
}
