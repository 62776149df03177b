using System.Globalization;
using System.Numerics;

namespace Wisp.Chat.Values;

/// <summary>Python's numbers: reading them, comparing them, and their decimal digits.</summary>
internal static class Numbers
{
    /// <summary>Python refuses to print whole numbers beyond 4,300 digits, which are 14,285 bits.</summary>
    public const int MaxBits = 14_285;

    /// <summary>Of whole numbers, read or written.</summary>
    public const int MaxDigits = 4300;

    public static bool IsNumber(Value value) => value is IntValue or FloatValue or BoolValue;

    /// <summary>Of whole numbers; true counts as 1.</summary>
    public static bool TryInteger(Value value, out BigInteger number)
    {
        number = value switch
        {
            IntValue i => i.Number,
            BoolValue { IsTrue: true } => BigInteger.One,
            _ => BigInteger.Zero,
        };
        return value is IntValue or BoolValue;
    }

    public static double ToDouble(Value value) => value is FloatValue f ? f.Number
        : TryInteger(value, out var number) ? ToDouble(number)
        : throw new TemplateException($"'{value.TypeName}' is not a number.");

    public static double ToDouble(BigInteger number)
    {
        var value = (double)number;
        return double.IsFinite(value) ? value
            : throw new TemplateException("the whole number is too large for a float.");
    }

    public static IntValue Checked(BigInteger number) => number.GetBitLength() <= MaxBits ? new IntValue(number)
        : throw new TemplateException($"a whole number grew beyond {MaxDigits:n0} digits.");

    /// <summary>
    /// Exact also between a whole number and a float. NaN is unequal to everything and after everything.
    /// </summary>
    public static int Compare(Value a, Value b)
    {
        if (TryInteger(a, out var x) && TryInteger(b, out var y))
            return x.CompareTo(y);
        if (a is FloatValue { Number: var p } && b is FloatValue { Number: var q })
            return p == q ? 0 : p < q ? -1 : 1;
        if (a is FloatValue f)
            return -Compare(b, f);
        TryInteger(a, out x);
        var right = ((FloatValue)b).Number;
        if (!double.IsFinite(right))
            return right > 0 ? -1 : 1;
        var whole = x.CompareTo(new BigInteger(Math.Floor(right)));
        return whole != 0 ? whole : double.IsInteger(right) ? 0 : -1;
    }

    /// <summary>The digits of a whole number, whose time to write grows with the square of their count.</summary>
    public static string Text(BigInteger number, Budget budget)
    {
        var bits = number.GetBitLength();
        budget.Charge(bits * bits / 2048);
        return number.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Units that reading or writing so many decimal digits costs, at their exact values.</summary>
    public static long DigitsCost(long digits) => digits * digits / 16;

    /// <summary>As int(text, radix) reads it: blanks around, a sign, a prefix that fits, single underscores.</summary>
    public static bool TryParseInteger(string text, int radix, out BigInteger number)
    {
        number = 0;
        var digits = Characters.Trim(text);
        var negative = digits.StartsWith('-');
        if (negative || digits.StartsWith('+'))
            digits = digits[1..];
        var prefix = digits.Length > 1 && digits[0] == '0' ? char.ToLowerInvariant(digits[1]) switch
        {
            'x' => 16,
            'o' => 8,
            'b' => 2,
            _ => 0,
        } : 0;
        if (prefix != 0 && (radix == prefix || radix == 0))
        {
            digits = digits[2..];
            digits = digits.StartsWith('_') ? digits[1..] : digits;
            radix = prefix;
        }
        else if (radix == 0)
        {
            if (digits.Length > 1 && digits[0] == '0' && digits.AsSpan().ContainsAnyExcept("0_"))
                return false;
            radix = 10;
        }

        if (digits.Length == 0 || digits.Length > MaxDigits || digits[0] == '_' || digits[^1] == '_' ||
            digits.Contains("__"))
            return false;
        foreach (var c in digits)
        {
            if (c == '_')
                continue;
            var digit = char.IsAsciiLetter(c) ? char.ToLowerInvariant(c) - 'a' + 10
                : CharUnicodeInfo.GetDecimalDigitValue(c);
            if (digit < 0 || digit >= radix)
                return false;
            number = number * radix + digit;
        }

        number = negative ? -number : number;
        return true;
    }

    /// <summary>As float(text) reads it.</summary>
    public static bool TryParseFloat(string text, out double number)
    {
        var word = Characters.Trim(text).ToString();
        var unsigned = word.TrimStart('+', '-').ToLowerInvariant();
        if (word.Length - unsigned.Length <= 1 && unsigned is "inf" or "infinity" or "nan")
        {
            number = unsigned == "nan" ? double.NaN
                : word[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity;
            return true;
        }

        number = 0;
        for (var i = 0; i < word.Length; i++)
            if (word[i] == '_' && (i == 0 || i + 1 == word.Length ||
                !char.IsAsciiDigit(word[i - 1]) || !char.IsAsciiDigit(word[i + 1])))
                return false;
        const NumberStyles Style =
            NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return word.Length > 0 && double.TryParse(
            word.Replace("_", ""), Style, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>
    /// The shortest digits that read back as the same number; an exponent below 1e-4 and from 1e16 on.
    /// </summary>
    public static string Text(double number)
    {
        if (!double.IsFinite(number))
            return double.IsNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
        var (sign, digits, power) = Shortest(number);
        return sign + Layout(digits, power, power is < -4 or >= 16, dot: true);
    }

    /// <summary>Digits without a point, and the power of ten of the first one.</summary>
    internal static (string Sign, string Digits, int Power) Shortest(double number)
    {
        var text = Math.Abs(number).ToString("R", CultureInfo.InvariantCulture);
        var mark = text.IndexOf('E');
        var mantissa = mark < 0 ? text : text[..mark];
        var power = mark < 0 ? 0 : int.Parse(text.AsSpan(mark + 1), CultureInfo.InvariantCulture);
        var point = mantissa.IndexOf('.') is >= 0 and var at ? at : mantissa.Length;
        var digits = mantissa.Replace(".", "");
        var zeros = digits.Length - digits.TrimStart('0').Length;
        power += point - 1 - zeros;
        digits = digits.Trim('0');
        var sign = double.IsNegative(number) ? "-" : "";
        return digits.Length == 0 ? (sign, "0", 0) : (sign, digits, power);
    }

    /// <param name="dot">Whether a whole number gets ".0".</param>
    internal static string Layout(string digits, int power, bool exponent, bool dot = false)
    {
        if (exponent)
        {
            var mantissa = digits.Length > 1 ? $"{digits[0]}.{digits[1..]}" : digits;
            return $"{mantissa}e{(power < 0 ? '-' : '+')}{Math.Abs(power):00}";
        }

        if (power < 0)
            return "0." + new string('0', -power - 1) + digits;
        if (digits.Length <= power + 1)
            return digits.PadRight(power + 1, '0') + (dot ? ".0" : "");
        return $"{digits[..(power + 1)]}.{digits[(power + 1)..]}";
    }

    /// <summary>|number| · 10^decimals as a whole number, exact and rounded half to even.</summary>
    internal static BigInteger Scaled(double number, int decimals)
    {
        var bits = BitConverter.DoubleToInt64Bits(number);
        var exponent = (int)(bits >> 52 & 0x7FF);
        BigInteger mantissa = bits & 0xFFFFFFFFFFFFF | (exponent == 0 ? 0 : 1L << 52);
        exponent = Math.Max(exponent, 1) - 1075; // the number is mantissa · 2^exponent
        BigInteger top = mantissa, bottom = 1;
        if (exponent >= 0)
            top <<= exponent;
        else
            bottom <<= -exponent;
        if (decimals >= 0)
            top *= BigInteger.Pow(10, decimals);
        else
            bottom *= BigInteger.Pow(10, -decimals);
        var whole = BigInteger.DivRem(top, bottom, out var rest);
        var half = (rest * 2).CompareTo(bottom);
        return half > 0 || half == 0 && !whole.IsEven ? whole + 1 : whole;
    }

    /// <summary>With a number of decimals, without the sign.</summary>
    public static string Fixed(double number, int decimals)
    {
        var digits = Scaled(number, decimals).ToString(CultureInfo.InvariantCulture).PadLeft(decimals + 1, '0');
        return decimals == 0 ? digits : $"{digits[..^decimals]}.{digits[^decimals..]}";
    }

    /// <summary>Digits, so many, and the power of ten of the first one, without the sign.</summary>
    internal static (string Digits, int Power) Significant(double number, int count)
    {
        if (number == 0)
            return (new string('0', count), 0);
        var power = (int)Math.Floor(Math.Log10(Math.Abs(number)));
        // The logarithm may be off by one, and rounding may carry into another digit.
        while (true)
        {
            var digits = Scaled(number, count - 1 - power).ToString(CultureInfo.InvariantCulture);
            if (digits.Length == count)
                return (digits, power);
            power += digits.Length - count;
        }
    }

    public static string Exponential(double number, int decimals)
    {
        var (digits, power) = Significant(number, decimals + 1);
        return Layout(digits, power, exponent: true);
    }

    /// <param name="keepZeros">Whether zeros at the end stay.</param>
    public static string General(double number, int digits, bool keepZeros = false)
    {
        var (text, power) = Significant(number, Math.Max(1, digits));
        var exponent = power < -4 || power >= Math.Max(1, digits);
        if (!keepZeros && text.TrimEnd('0') is var trimmed)
            text = trimmed.Length == 0 ? "0" : trimmed;
        return Layout(text, power, exponent);
    }

    /// <summary>To decimals, which may be negative; ties, exact ones only, to even.</summary>
    public static double Round(double number, int decimals)
    {
        if (!double.IsFinite(number) || decimals > 330)
            return number;
        if (decimals < -330)
            return double.CopySign(0, number);
        var scaled = Scaled(number, decimals);
        var rounded = double.Parse($"{scaled}E{-decimals}", CultureInfo.InvariantCulture);
        return double.IsFinite(rounded) ? double.CopySign(rounded, number)
            : throw new TemplateException("the rounded number is too large for a float.");
    }
}
