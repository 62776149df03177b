using System.Globalization;
using System.Numerics;

namespace Wisp.Chat.Values;

/// <summary>How a number is to be written: the part that printf-like formats and format() have in common.</summary>
/// <param name="Type">One of b c d e E f F g G n o x X %, or 0 for the type's own.</param>
/// <param name="Sign">'-' for minus only, '+' always, ' ' for a blank instead of plus.</param>
/// <param name="Alternate">The sign #: prefixes, and zeros of g that stay.</param>
/// <param name="Grouping">',' or '_' between groups of digits, or 0.</param>
internal readonly record struct NumberFormat(char Type, char Sign, bool Alternate, int? Precision, char Grouping)
{
    /// <summary>Digits nobody needs, and more than a float can ever have.</summary>
    public const int MaxPrecision = 2000;

    /// <summary>Units it costs: floats are written from their exact values, which have up to 1,100 digits.</summary>
    public long Cost(Value value)
    {
        if (value is FloatValue)
            return (Precision is null && Type == '\0' ? 0 : Precision ?? 6) * 16L + 512;
        return Numbers.TryInteger(value, out var number) ? number.GetBitLength() * number.GetBitLength() / 2048 + 1 : 0;
    }

    /// <returns>The sign with any prefix, and the digits: zeros may be put between the two.</returns>
    public (string Prefix, string Digits) Of(BigInteger number)
    {
        var digits = BigInteger.Abs(number) is var size && Type is 'd' or 'n' or 'i' or 'u' or '\0'
            ? size.ToString(CultureInfo.InvariantCulture) : Radix(size, Type);
        var prefix = Alternate && Type is 'b' or 'o' or 'x' or 'X' && Alternate ? "0" + Type : "";
        return (SignOf(number.Sign < 0) + prefix, Group(digits, Type is 'b' or 'o' or 'x' or 'X' ? 4 : 3));
    }

    public (string Prefix, string Digits) Of(double number)
    {
        var negative = double.IsNegative(number);
        var size = Math.Abs(number);
        var precision = Precision ?? 6;
        string digits;
        if (!double.IsFinite(size))
            digits = (double.IsNaN(size) ? "nan" : "inf") + (Type == '%' ? "%" : "");
        else
            digits = Type switch
            {
                'f' or 'F' => Numbers.Fixed(size, precision),
                'e' or 'E' => Numbers.Exponential(size, precision),
                '%' => Percent(size, precision),
                'g' or 'G' or 'n' => Numbers.General(size, precision, Alternate),
                // Without a type: the shortest text, or like g but with at least one digit after the point.
                _ when Precision is null => Numbers.Text(size),
                _ => WithPoint(Numbers.General(size, precision), size, precision),
            };
        if (Type is 'E' or 'F' or 'G')
            digits = digits.ToUpperInvariant();
        if (Alternate && double.IsFinite(size) && !digits.Contains('.'))
            digits = digits.IndexOfAny(['e', 'E', '%']) is >= 0 and var at ? digits.Insert(at, ".") : digits + ".";
        return (SignOf(negative && !double.IsNaN(number)), Group(digits, 3));
    }

    private static string Percent(double size, int precision) =>
        double.IsFinite(size * 100) ? Numbers.Fixed(size * 100, precision) + "%" : "inf%";

    // 1e+05 stays as it is; 123 becomes 123.0, and where that is a digit too many, 1.2e+02 stands.
    private static string WithPoint(string text, double size, int precision)
    {
        if (text.Contains('e') || text.Contains('.'))
            return text;
        return text.Length >= precision && size != 0 ? Exponent(size, precision) : text + ".0";
    }

    private static string Exponent(double size, int precision)
    {
        var (digits, power) = Numbers.Significant(size, Math.Max(1, precision));
        digits = digits.TrimEnd('0');
        return Numbers.Layout(digits.Length == 0 ? "0" : digits, power, exponent: true);
    }

    private string SignOf(bool negative) => negative ? "-" : Sign is '+' or ' ' ? Sign.ToString() : "";

    private static string Radix(BigInteger size, char type)
    {
        if (type is 'x' or 'X')
        {
            var hex = size.ToString("x", CultureInfo.InvariantCulture).TrimStart('0');
            hex = hex.Length == 0 ? "0" : hex;
            return type == 'X' ? hex.ToUpperInvariant() : hex;
        }

        var binary = size.ToString("b", CultureInfo.InvariantCulture).TrimStart('0');
        if (binary.Length == 0)
            return "0";
        if (type == 'b')
            return binary;
        binary = binary.PadLeft((binary.Length + 2) / 3 * 3, '0');
        return string.Concat(binary.Chunk(3).Select(bits =>
            (char)('0' + (bits[0] - '0') * 4 + (bits[1] - '0') * 2 + bits[2] - '0')));
    }

    private string Group(string digits, int size)
    {
        if (Grouping == '\0')
            return digits;
        var whole = digits.AsSpan().IndexOfAnyExcept(Type is 'x' or 'X' ? "0123456789abcdefABCDEF" : "0123456789");
        whole = whole < 0 ? digits.Length : whole;
        for (var at = whole - size; at > 0; at -= size)
            digits = digits.Insert(at, Grouping.ToString());
        return digits;
    }
}
