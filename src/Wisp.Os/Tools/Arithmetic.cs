using System.Globalization;
using System.Numerics;

namespace Wisp.Tools;

/// <summary>
/// Exact arithmetic on a line of text: + - * / % ^ (and ** × ÷ −), parentheses, decimals, and "15% of 80" as people
/// write it. Nothing is rounded. What would take long is refused before it is begun.
/// </summary>
internal ref struct Arithmetic
{
    private const int MaxDepth = 100, MaxText = 4096;
    private const long MaxBits = 1 << 16; // some 20,000 digits

    private readonly ReadOnlySpan<char> _text;
    private int _at, _depth;

    private Arithmetic(ReadOnlySpan<char> text) => _text = text;

    /// <exception cref="FormatException">It is no arithmetic, divides by zero, or is too large.</exception>
    public static Rational Evaluate(string text)
    {
        if (text.Length > MaxText)
            throw new FormatException($"the text has {text.Length} characters; at most {MaxText} are read");
        var parser = new Arithmetic(text.Replace("**", "^").Replace('×', '*').Replace('÷', '/').Replace('−', '-')
            .Replace("_", "").TrimEnd().TrimEnd('='));
        try
        {
            var value = parser.Sum();
            parser.Space();
            if (parser._at < parser._text.Length)
                throw parser.Fault();
            return value;
        }
        catch (DivideByZeroException)
        {
            throw new FormatException("something is divided by zero");
        }
    }

    private Rational Sum()
    {
        if (++_depth > MaxDepth)
            throw new FormatException($"there are more than {MaxDepth} parentheses or signs inside each other");
        var value = Product();
        while (true)
        {
            if (Take('+'))
                value = Sized(value + Product());
            else if (Take('-'))
                value = Sized(value - Product());
            else
            {
                _depth--;
                return value;
            }
        }
    }

    private Rational Product()
    {
        var value = Signed();
        while (true)
        {
            if (Take('*'))
                value = Sized(value * Signed());
            else if (Take('/'))
                value = Sized(value / Signed());
            else if (Take('%'))
            {
                Space();
                if (_text[_at..].StartsWith("of"))
                {
                    _at += 2;
                    value = Sized(value * Signed() / Rational.Of(100, 1));
                }
                else if (_at == _text.Length || ")+-*/%".Contains(_text[_at]))
                    value /= Rational.Of(100, 1);
                else
                    value = Sized(value % Signed());
            }
            else
                return value;
        }
    }

    private Rational Signed()
    {
        var negative = false;
        for (; ; )
            if (Take('-'))
                negative = !negative;
            else if (!Take('+'))
                break;
        var value = Power();
        return negative ? -value : value;
    }

    // Binds tighter than a sign before it, and from right to left: -2^2 is -4, 2^3^2 is 512.
    private Rational Power()
    {
        var value = Atom();
        if (!Take('^'))
            return value;
        if (++_depth > MaxDepth)
            throw new FormatException($"there are more than {MaxDepth} powers inside each other");
        var exponent = Signed();
        _depth--;
        if (!exponent.Denominator.IsOne)
            throw new FormatException("a power that is no whole number has no exact value");
        if (value.IsZero && exponent.Numerator.Sign < 0)
            throw new DivideByZeroException();
        if (BigInteger.Abs(exponent.Numerator) * Math.Max(1, value.Bits - 2) > MaxBits)
            throw TooLarge();
        return value.Power((int)exponent.Numerator);
    }

    private Rational Atom()
    {
        if (Take('('))
        {
            var value = Sum();
            return Take(')') ? value : throw Fault("a closing parenthesis is missing");
        }

        Space();
        var begin = _at;
        while (_at < _text.Length && (char.IsAsciiDigit(_text[_at]) || (_text[_at] == ',' && _at > begin
            && _at + 3 < _text.Length && char.IsAsciiDigit(_text[_at + 1]))))
            _at++;
        var whole = _text[begin.._at].ToString().Replace(",", "");
        var fraction = "";
        if (_at < _text.Length && _text[_at] == '.')
        {
            var dot = ++_at;
            while (_at < _text.Length && char.IsAsciiDigit(_text[_at]))
                _at++;
            fraction = _text[dot.._at].ToString();
        }

        if (whole.Length + fraction.Length == 0)
            throw Fault();
        return Sized(Rational.Of(BigInteger.Parse("0" + whole + fraction, CultureInfo.InvariantCulture),
            BigInteger.Pow(10, fraction.Length)));
    }

    private bool Take(char c)
    {
        Space();
        if (_at == _text.Length || _text[_at] != c)
            return false;
        _at++;
        return true;
    }

    private void Space()
    {
        while (_at < _text.Length && char.IsWhiteSpace(_text[_at]))
            _at++;
    }

    private static Rational Sized(Rational value) => value.Bits <= MaxBits ? value : throw TooLarge();

    private static FormatException TooLarge() => new("the result would have more than 20,000 digits");

    private readonly FormatException Fault(string? what = null) =>
        new(what is not null ? $"{what} at position {_at + 1}"
        : _at >= _text.Length ? "it ends where a number should follow"
        : $"'{_text[_at]}' at position {_at + 1} is no number and no sign; names and functions are not known");
}
