using System.Numerics;

namespace Wisp.Train.Align.Tasks;

/// <summary>A fraction in lowest terms, its denominator above 0: what float64 would round, this compares.</summary>
public readonly record struct Fraction
{
    private Fraction(BigInteger numerator, BigInteger denominator) =>
        (Numerator, Denominator) = ((long)numerator, (long)denominator);

    public long Numerator { get; }

    public long Denominator { get; }

    public bool IsWhole => Denominator == 1;

    /// <summary>The quotient; null where the divisor is 0 or a part does not fit 64 bits.</summary>
    public static Fraction? Of(BigInteger numerator, BigInteger denominator)
    {
        if (denominator.IsZero)
            return null;
        var divisor = BigInteger.GreatestCommonDivisor(numerator, denominator) * denominator.Sign;
        (numerator, denominator) = (numerator / divisor, denominator / divisor);
        return BigInteger.Abs(numerator) <= long.MaxValue && denominator <= long.MaxValue
            ? new Fraction(numerator, denominator) : null;
    }

    /// <summary>The result of one of the signs + − * /; null where there is none.</summary>
    public static Fraction? Apply(char sign, Fraction a, Fraction b)
    {
        BigInteger an = a.Numerator, ad = a.Denominator, bn = b.Numerator, bd = b.Denominator;
        return sign switch
        {
            '+' => Of((an * bd) + (bn * ad), ad * bd),
            '-' => Of((an * bd) - (bn * ad), ad * bd),
            '*' => Of(an * bn, ad * bd),
            '/' => Of(an * bd, ad * bn),
            _ => null,
        };
    }
}

/// <summary>
/// Evaluates + − * / (also × ÷ −) and brackets over whole numbers, exactly: no variables, no other functions, no signs
/// before a number. It runs nothing and reads text from a model, so everything else is refused.
/// </summary>
public ref struct Expression
{
    // An expression of a game has a handful of numbers; what is longer or deeper is no answer.
    private const int MaxLength = 200, MaxDepth = 20, MaxDigits = 9;

    private readonly ReadOnlySpan<char> _text;
    private readonly List<long> _numbers = [];
    private int _at;
    private int _depth;

    private Expression(ReadOnlySpan<char> text) => _text = text;

    /// <summary>
    /// The value of a text and the numbers that it uses, in their order; null where it is no expression. The value is
    /// null where it divides by 0.
    /// </summary>
    public static (Fraction? Value, IReadOnlyList<long> Numbers)? Evaluate(ReadOnlySpan<char> text)
    {
        if (text.Length > MaxLength)
            return null;
        var expression = new Expression(text);
        return expression.TrySum(out var value) && expression.Peek() == '\0'
            ? (value, expression._numbers) : null;
    }

    private bool TrySum(out Fraction? value)
    {
        if (!TryProduct(out value))
            return false;
        while (Peek() is '+' or '-')
        {
            var sign = Take();
            if (!TryProduct(out var right))
                return false;
            value = Apply(sign, value, right);
        }

        return true;
    }

    private bool TryProduct(out Fraction? value)
    {
        if (!TryAtom(out value))
            return false;
        while (Peek() is '*' or '/')
        {
            var sign = Take();
            if (!TryAtom(out var right))
                return false;
            value = Apply(sign, value, right);
        }

        return true;
    }

    private bool TryAtom(out Fraction? value)
    {
        value = null;
        if (Peek() == '(')
        {
            if (++_depth > MaxDepth)
                return false;
            Take();
            if (!TrySum(out value) || Peek() != ')')
                return false;
            Take();
            _depth--;
            return true;
        }

        Peek(); // past spaces
        var from = _at;
        while (_at < _text.Length && char.IsAsciiDigit(_text[_at]))
            _at++;
        if (_at == from || _at - from > MaxDigits)
            return false;
        _numbers.Add(long.Parse(_text[from.._at], provider: null));
        value = Fraction.Of(_numbers[^1], 1);
        return true;
    }

    private static Fraction? Apply(char sign, Fraction? left, Fraction? right) =>
        left is { } a && right is { } b ? Fraction.Apply(sign, a, b) : null;

    // The next sign, spaces skipped and in its plain spelling; '\0' at the end.
    private char Peek()
    {
        while (_at < _text.Length && _text[_at] == ' ')
            _at++;
        return _at == _text.Length ? '\0' : _text[_at] switch
        {
            '×' => '*',
            '÷' => '/',
            '−' => '-',
            '\0' => '?', // a real zero byte is not the end
            var other => other,
        };
    }

    private char Take()
    {
        var sign = Peek();
        _at++;
        return sign;
    }
}
