using System.Globalization;
using System.Numerics;

namespace Wisp.Ai.Arithmetic;

/// <summary>A fraction in lowest terms, its denominator positive; all arithmetic on it is exact.</summary>
internal readonly record struct Rational
{
    // Numbers of about 12,000 digits: far past what anybody reads, and every operation on them takes microseconds.
    private const long MaxBits = 40_000;

    private Rational(BigInteger numerator, BigInteger denominator) =>
        (Numerator, Denominator) = (numerator, denominator);

    public BigInteger Numerator { get; }

    public BigInteger Denominator { get; }

    /// <exception cref="FormatException">The numbers are too large to go on with.</exception>
    public static Rational Of(BigInteger numerator, BigInteger denominator)
    {
        if (denominator.IsZero)
            throw new FormatException("nothing can be divided by zero");
        if (numerator.GetBitLength() + denominator.GetBitLength() > MaxBits)
            throw TooLarge();
        var common = BigInteger.GreatestCommonDivisor(numerator, denominator);
        var sign = denominator.Sign;
        return new Rational(sign * numerator / common, sign * denominator / common);
    }

    public static Rational operator +(Rational a, Rational b) =>
        Of((a.Numerator * b.Denominator) + (b.Numerator * a.Denominator), a.Denominator * b.Denominator);

    public static Rational operator -(Rational a, Rational b) =>
        Of((a.Numerator * b.Denominator) - (b.Numerator * a.Denominator), a.Denominator * b.Denominator);

    public static Rational operator -(Rational a) => new(-a.Numerator, a.Denominator);

    public static Rational operator *(Rational a, Rational b) =>
        Of(a.Numerator * b.Numerator, a.Denominator * b.Denominator);

    public static Rational operator /(Rational a, Rational b) =>
        Of(a.Numerator * b.Denominator, a.Denominator * b.Numerator);

    /// <summary>a − b·⌊a/b⌋: the remainder has the sign of the divisor.</summary>
    public static Rational operator %(Rational a, Rational b)
    {
        var share = a / b;
        var floor = BigInteger.Divide(share.Numerator, share.Denominator);
        if (share.Numerator.Sign < 0 && floor * share.Denominator != share.Numerator)
            floor -= 1;
        return a - (b * Of(floor, 1));
    }

    /// <exception cref="FormatException">The exponent is no whole number, or the power is too large.</exception>
    public static Rational Power(Rational number, Rational exponent)
    {
        if (!exponent.Denominator.IsOne)
            throw new FormatException("an exponent must be a whole number");
        if (number.Numerator.IsZero)
            return exponent.Numerator.Sign switch
            {
                > 0 => number,
                0 => Of(1, 1),
                _ => throw new FormatException("nothing can be divided by zero"),
            };
        var size = BigInteger.Abs(exponent.Numerator);
        var bits = Math.Max(BigInteger.Abs(number.Numerator).GetBitLength(), number.Denominator.GetBitLength());
        // Powers of 1 and -1 stay small, whatever the exponent.
        if (bits == 1)
            return number.Numerator.Sign < 0 && !size.IsEven ? number : Of(1, 1);
        if (size * bits > MaxBits)
            throw TooLarge();
        var power = new Rational(
            BigInteger.Pow(number.Numerator, (int)size), BigInteger.Pow(number.Denominator, (int)size));
        return exponent.Numerator.Sign < 0 ? Of(power.Denominator, power.Numerator) : power;
    }

    /// <summary>The number in decimals; <paramref name="exact"/> tells whether nothing was rounded away.</summary>
    /// <param name="decimals">How many stay where the number has more than <paramref name="most"/>.</param>
    public string ToDecimal(int decimals, int most, out bool exact)
    {
        var places = Places(most);
        exact = places >= 0;
        var scale = BigInteger.Pow(10, exact ? places : decimals);
        var size = BigInteger.Abs(Numerator);
        // Half a unit more, so that the division rounds half away from zero.
        var scaled = ((2 * size * scale) + Denominator) / (2 * Denominator);
        if (exact)
            scaled = size * scale / Denominator;
        var digits = scaled.ToString(CultureInfo.InvariantCulture).PadLeft((exact ? places : decimals) + 1, '0');
        var point = digits.Length - (exact ? places : decimals);
        var text = point == digits.Length ? digits
            : exact ? $"{digits[..point]}.{digits[point..]}"
            : $"{digits[..point]}.{digits[point..].TrimEnd('0')}".TrimEnd('.');
        return Numerator.Sign < 0 && text != "0" ? "-" + text : text;
    }

    // Decimals that the number needs: the larger of the powers of 2 and 5 in its denominator; -1 where it never ends.
    private int Places(int most)
    {
        var (rest, twos, fives) = (Denominator, 0, 0);
        for (; twos <= most && rest.IsEven; twos++)
            rest >>= 1;
        for (; fives <= most && (rest % 5).IsZero; fives++)
            rest /= 5;
        return rest.IsOne && Math.Max(twos, fives) <= most ? Math.Max(twos, fives) : -1;
    }

    private static FormatException TooLarge() => new("the numbers become too large");
}
