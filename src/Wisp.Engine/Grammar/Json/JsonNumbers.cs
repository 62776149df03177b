using System.Globalization;
using System.Numerics;

namespace Wisp.Grammar;

/// <summary>
/// Numbers within bounds, as rules over their digits: digit by digit it is known whether the number still runs along
/// the lower bound, along the upper one, or is free. Numbers with bounds have no exponent.
/// </summary>
internal static class JsonNumbers
{
    /// <summary>A bound of a range: the exact decimal value Digits · 10^-Scale.</summary>
    /// <param name="Open">Whether the value itself is outside.</param>
    public readonly record struct Bound(BigInteger Digits, int Scale, bool Open)
    {
        // Bounds beyond this are no numbers that a schema means.
        private const int MaxDigits = 40;

        public int Sign => Digits.Sign;

        /// <summary>Reads a JSON number exactly; false where it has more digits than anyone needs.</summary>
        public static bool TryParse(string text, bool open, out Bound bound)
        {
            bound = default;
            var e = text.AsSpan().IndexOfAny('e', 'E');
            var exponent = 0;
            if (text.Length > 2 * MaxDigits
                || e >= 0 && !int.TryParse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, null, out exponent))
                return false;
            var mantissa = e >= 0 ? text[..e] : text;
            var point = mantissa.IndexOf('.');
            var scale = point < 0 ? 0 : mantissa.Length - point - 1;
            if (Math.Abs((long)exponent) > MaxDigits || !BigInteger.TryParse(mantissa.Replace(".", ""),
                NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var digits))
                return false;
            scale -= exponent;
            if (scale < 0)
                (digits, scale) = (digits * BigInteger.Pow(10, -scale), 0);
            while (scale > 0 && digits % 10 == 0)
                (digits, scale) = (digits / 10, scale - 1);
            bound = new Bound(digits, scale, open);
            return scale <= MaxDigits && BigInteger.Abs(digits) < BigInteger.Pow(10, MaxDigits);
        }

        public Bound Negated() => this with { Digits = -Digits };

        /// <summary>Below, equal or above by value alone.</summary>
        public int CompareTo(Bound other) =>
            (Digits * BigInteger.Pow(10, other.Scale)).CompareTo(other.Digits * BigInteger.Pow(10, Scale));

        public BigInteger Floor() => BigInteger.Divide(Digits - Mod(), BigInteger.Pow(10, Scale));

        private BigInteger Mod() =>
            ((Digits % BigInteger.Pow(10, Scale)) + BigInteger.Pow(10, Scale)) % BigInteger.Pow(10, Scale);

        public bool IsInteger => Mod().IsZero;

        /// <summary>Digits before the point (at least one) and after it.</summary>
        public (string Whole, string Fraction) Spelled()
        {
            var all = BigInteger.Abs(Digits).ToString(CultureInfo.InvariantCulture).PadLeft(Scale + 1, '0');
            return (all[..^Scale], all[^Scale..]);
        }
    }

    /// <summary>Whole numbers from low to high, both inside; null has no bound.</summary>
    public static Term Integers(BigInteger? low, BigInteger? high)
    {
        var ways = new List<Term>();
        if (low is null || low < 0)
        {
            var from = high is { Sign: < 0 } h ? -h : BigInteger.One;
            ways.Add(Term.Of(Term.Literal("-"), Natural(from, low is { } l ? -l : null)));
        }

        if (high is null || high >= 0)
            ways.Add(Natural(low is { Sign: > 0 } l ? l : BigInteger.Zero, high));
        return Term.Either([.. ways]);
    }

    private static Term Natural(BigInteger low, BigInteger? high) => Lengths(
        new Bound(low, 0, Open: false), high is { } h ? new Bound(h, 0, Open: false) : null, fractions: false);

    /// <summary>Decimal numbers from low to high; null has no bound.</summary>
    public static Term Decimals(Bound? low, Bound? high)
    {
        var zero = new Bound(0, 0, Open: false);
        var ways = new List<Term>();
        if (low is null || low.Value.Sign < 0)
        {
            var from = high is { } h && (h.Sign < 0 || h.Sign == 0 && h.Open) ? h.Negated() : zero;
            ways.Add(Term.Of(Term.Literal("-"), Lengths(from, low?.Negated(), fractions: true)));
        }

        if (high is null || high.Value.Sign > 0 || high.Value is { Sign: 0, Open: false })
            ways.Add(Lengths(low is { Sign: >= 0 } l ? l : zero, high, fractions: true));
        return Term.Either([.. ways]);
    }

    // One alternative for each number of digits before the point: only among these does the first digit that differs
    // decide.
    private static Term Lengths(Bound low, Bound? high, bool fractions)
    {
        var (from, fromFraction) = low.Spelled();
        var longest = high is { } h ? h.Spelled().Whole.Length : Math.Max(JsonText.Digits, from.Length + 1);
        var ways = new List<Term>();
        for (var length = from.Length; length <= longest; length++)
        {
            var lowest = length == from.Length ? from : length == 1 ? "0" : "1".PadRight(length, '0');
            var lowFraction = length == from.Length ? fromFraction : "";
            var isTop = high is not null && length == longest;
            var (highest, highFraction) = isTop ? high!.Value.Spelled() : (new string('9', length), "");
            var digits = new Range(lowest, highest, lowFraction, highFraction,
                LowOpen: length == from.Length && low.Open, HighOpen: isTop && high!.Value.Open,
                HasHigh: isTop, Fractions: fractions);
            ways.Add(digits.Whole(0, alongLow: true, alongHigh: true));
        }

        return Term.Either([.. ways]);
    }

    /// <summary>All numbers of one length before the point.</summary>
    private sealed record Range(string Low, string High, string LowFraction, string HighFraction,
        bool LowOpen, bool HighOpen, bool HasHigh, bool Fractions)
    {
        public Term Whole(int at, bool alongLow, bool alongHigh)
        {
            if (at == Low.Length)
                return Fractions ? Fraction(0, alongLow, alongHigh && HasHigh) : Term.Empty;
            if (!alongLow && !alongHigh)
            {
                return Term.Of(Term.Times(JsonText.Digit, Low.Length - at, Low.Length - at),
                    Whole(Low.Length, false, false));
            }

            return Digit(alongLow ? Low[at] : '0', alongHigh ? High[at] : '9', alongLow, alongHigh,
                (low, high) => Whole(at + 1, low, high));
        }

        // What may follow after the digits so far, point included where it is the first.
        private Term Fraction(int at, bool alongLow, bool alongHigh)
        {
            var lowLeft = alongLow ? LowFraction[Math.Min(at, LowFraction.Length)..] : "";
            var highLeft = alongHigh ? HighFraction[Math.Min(at, HighFraction.Length)..] : "";
            var point = at == 0 ? Term.Literal(".") : Term.Empty;
            if (!alongLow && !alongHigh)
                return Term.Optional(Term.Of(point, Term.Times(JsonText.Digit, 1, JsonText.Digits)));

            // The number may stop here when zeros without end would do.
            var mayStop = (!alongLow || lowLeft.Length == 0 && !LowOpen)
                && (!alongHigh || highLeft.Length > 0 || !HighOpen);
            var end = mayStop ? Term.Empty : Term.Nothing;
            if (alongHigh && highLeft.Length == 0)
            {
                // Only zeros may follow; they change nothing, but are needed where the low bound is longer: then none
                // fits.
                return end;
            }

            // A low bound that is spelled out allows any further digits once one of them is not zero.
            var more = lowLeft.Length == 0 && alongLow && !alongHigh
                ? LowOpen
                    ? Term.Of(Term.Times(Term.Literal("0"), 0, JsonText.Digits), Term.Chars(('1', '9')),
                        Term.Times(JsonText.Digit, 0, JsonText.Digits))
                    : Term.Times(JsonText.Digit, 1, JsonText.Digits)
                : Digit(alongLow && lowLeft.Length > 0 ? lowLeft[0] : '0', alongHigh ? highLeft[0] : '9',
                    alongLow, alongHigh, (low, high) => Fraction(at + 1, low, high));
            return Term.Either(end, Term.Of(point, more));
        }

        // The first digit: the two at the edges go on along a bound, those between are free.
        private static Term Digit(char low, char high, bool alongLow, bool alongHigh, Func<bool, bool, Term> rest)
        {
            if (low > high)
                return Term.Nothing;
            var ways = new List<Term>();
            if (low == high && alongLow && alongHigh)
                return Term.Of(Term.Literal(low.ToString()), rest(true, true));
            var (from, to) = (low, high);
            if (alongLow)
                ways.Add(Term.Of(Term.Literal(from++.ToString()), rest(true, false)));
            if (alongHigh && from <= to)
                ways.Add(Term.Of(Term.Literal(to--.ToString()), rest(false, true)));
            if (from <= to)
                ways.Add(Term.Of(Term.Chars((from, to)), rest(false, false)));
            return Term.Either([.. ways]);
        }
    }
}
