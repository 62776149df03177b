using System.Globalization;
using System.Numerics;

namespace Wisp.Tools;

/// <summary>An exact fraction in lowest terms, its denominator positive.</summary>
internal readonly record struct Rational
{
    private Rational(BigInteger numerator, BigInteger denominator) =>
        (Numerator, Denominator) = (numerator, denominator);

    public BigInteger Numerator { get; }

    public BigInteger Denominator { get; }

    public bool IsZero => Numerator.IsZero;

    /// <summary>Bits of both parts: what it costs to go on with it.</summary>
    public long Bits => Numerator.GetBitLength() + Denominator.GetBitLength();

    /// <exception cref="DivideByZeroException">The denominator is 0.</exception>
    public static Rational Of(BigInteger numerator, BigInteger denominator)
    {
        if (denominator.IsZero)
            throw new DivideByZeroException();
        var divisor = BigInteger.GreatestCommonDivisor(numerator, denominator) * denominator.Sign;
        return new Rational(numerator / divisor, denominator / divisor);
    }

    public static Rational operator +(Rational a, Rational b) =>
        Of((a.Numerator * b.Denominator) + (b.Numerator * a.Denominator), a.Denominator * b.Denominator);

    public static Rational operator -(Rational a) => new(-a.Numerator, a.Denominator);

    public static Rational operator -(Rational a, Rational b) => a + -b;

    public static Rational operator *(Rational a, Rational b) =>
        Of(a.Numerator * b.Numerator, a.Denominator * b.Denominator);

    public static Rational operator /(Rational a, Rational b) =>
        Of(a.Numerator * b.Denominator, a.Denominator * b.Numerator);

    /// <summary>a - b·⌊a/b⌋: the remainder with the sign of b.</summary>
    public static Rational operator %(Rational a, Rational b)
    {
        var quotient = a / b;
        var floor = BigInteger.Divide(quotient.Numerator, quotient.Denominator);
        if (quotient.Numerator.Sign < 0 && !(quotient.Numerator % quotient.Denominator).IsZero)
            floor -= 1;
        return a - (b * Of(floor, 1));
    }

    public Rational Power(int exponent) => exponent < 0
        ? Of(BigInteger.Pow(Denominator, -exponent), BigInteger.Pow(Numerator, -exponent))
        : Of(BigInteger.Pow(Numerator, exponent), BigInteger.Pow(Denominator, exponent));

    /// <summary>A whole number, a decimal fraction that ends, or a fraction and its first twelve digits.</summary>
    public override string ToString()
    {
        if (Denominator.IsOne)
            return Numerator.ToString(CultureInfo.InvariantCulture);
        var (rest, twos, fives) = (Denominator, 0, 0);
        for (; (rest % 2).IsZero; twos++)
            rest /= 2;
        for (; (rest % 5).IsZero; fives++)
            rest /= 5;
        var places = Math.Max(twos, fives);
        if (rest.IsOne && places <= 30)
            return Decimal(Numerator * BigInteger.Pow(10, places) / Denominator, places);
        return $"{Numerator}/{Denominator} (about {Decimal(Rounded(12), 12)})";
    }

    private BigInteger Rounded(int places)
    {
        var scaled = BigInteger.Abs(Numerator) * BigInteger.Pow(10, places);
        var half = (2 * scaled / Denominator) + 1;
        return Numerator.Sign * (half / 2);
    }

    private static string Decimal(BigInteger scaled, int places)
    {
        var digits = BigInteger.Abs(scaled).ToString(CultureInfo.InvariantCulture).PadLeft(places + 1, '0');
        return (scaled.Sign < 0 ? "-" : "") + digits[..^places] + "." + digits[^places..];
    }
}
