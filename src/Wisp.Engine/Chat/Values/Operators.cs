using System.Numerics;
using System.Text;

namespace Wisp.Chat.Values;

/// <summary>
/// Arithmetic, with Python's rules: whole numbers do not overflow, // and % round towards minus infinity.
/// </summary>
internal static class Operators
{
    public static Value Apply(string op, Value a, Value b, Budget budget)
    {
        // A string on the left of % formats whatever is on the right.
        if (op == "%" && a is TextValue format)
            return new TextValue(PercentFormat.Apply(format.Text, b, budget), format.Safe);
        if (a is UndefinedValue u || (u = (b as UndefinedValue)!) is not null)
            throw new TemplateException(u.Reason);
        if (Numbers.IsNumber(a) && Numbers.IsNumber(b))
            return Numbers.TryInteger(a, out var x) && Numbers.TryInteger(b, out var y)
                ? Whole(op, x, y, budget) : Real(op, Numbers.ToDouble(a), Numbers.ToDouble(b));
        return (op, a, b) switch
        {
            ("+", TextValue x, TextValue y) => Join(x, y, budget),
            ("+", ListValue x, ListValue y) => new ListValue(Join(x.Items, y.Items, budget)),
            ("+", TupleValue x, TupleValue y) => new TupleValue(Join(x.Items, y.Items, budget)),
            ("*", _, _) when Numbers.TryInteger(b, out var times) && Repeat(a, times, budget) is { } many => many,
            ("*", _, _) when Numbers.TryInteger(a, out var times) && Repeat(b, times, budget) is { } many => many,
            _ => throw new TemplateException(op == "+" && a is TextValue or ListValue or TupleValue
                ? $"can only add '{a.TypeName}' to '{a.TypeName}', not '{b.TypeName}'."
                : $"'{op}' is not supported between '{a.TypeName}' and '{b.TypeName}'."),
        };
    }

    public static Value Sign(bool negative, Value a)
    {
        if (Numbers.TryInteger(a, out var whole))
            return new IntValue(negative ? -whole : whole);
        return a switch
        {
            FloatValue real => negative ? -real.Number : real,
            UndefinedValue u => throw new TemplateException(u.Reason),
            _ => throw new TemplateException($"'{(negative ? '-' : '+')}' is not supported for '{a.TypeName}'."),
        };
    }

    /// <summary>For HTML: the five characters that mean something there.</summary>
    public static string Escape(string text, Budget budget)
    {
        var into = new StringBuilder(text.Length);
        foreach (var c in text)
            _ = c switch
            {
                '&' => into.Append("&amp;"),
                '<' => into.Append("&lt;"),
                '>' => into.Append("&gt;"),
                '\'' => into.Append("&#39;"),
                '"' => into.Append("&#34;"),
                _ => into.Append(c),
            };
        budget.Charge(into.Length);
        return into.ToString();
    }

    private static TextValue Join(TextValue a, TextValue b, Budget budget)
    {
        var safe = a.Safe || b.Safe;
        var left = safe && !a.Safe ? Escape(a.Text, budget) : a.Text;
        var right = safe && !b.Safe ? Escape(b.Text, budget) : b.Text;
        budget.Charge((long)left.Length + right.Length);
        return new TextValue(left + right, safe);
    }

    private static Value[] Join(IReadOnlyList<Value> a, IReadOnlyList<Value> b, Budget budget)
    {
        budget.Charge(((long)a.Count + b.Count) * Budget.Item);
        return [.. a, .. b];
    }

    private static Value? Repeat(Value value, BigInteger times, Budget budget)
    {
        var length = value switch
        {
            TextValue text => text.Text.Length,
            ListValue list => (long)list.Items.Count * Budget.Item,
            TupleValue tuple => (long)tuple.Items.Count * Budget.Item,
            _ => -1,
        };
        if (length < 0)
            return null;
        times = times.Sign < 0 || length == 0 ? 0 : times;
        budget.Charge(times * length > long.MaxValue ? long.MaxValue : (long)(times * length));
        var count = (int)times;
        return value switch
        {
            TextValue text => new TextValue(new StringBuilder().Insert(0, text.Text, count).ToString(), text.Safe),
            ListValue list => new ListValue([.. Enumerable.Repeat(list.Items, count).SelectMany(items => items)]),
            _ => new TupleValue([.. Enumerable.Repeat(((TupleValue)value).Items, count).SelectMany(items => items)]),
        };
    }

    private static Value Whole(string op, BigInteger a, BigInteger b, Budget budget)
    {
        budget.Charge((a.GetBitLength() + b.GetBitLength()) / 16);
        if (b.IsZero && op is "/" or "//" or "%")
            throw new TemplateException("division by zero.");
        switch (op)
        {
            case "+":
                return Numbers.Checked(a + b);
            case "-":
                return Numbers.Checked(a - b);
            case "*":
                return Numbers.Checked(a * b);
            case "/":
                return Quotient(a, b);
            case "//":
                var quotient = BigInteger.DivRem(a, b, out var rest);
                return new IntValue(!rest.IsZero && rest.Sign != b.Sign ? quotient - 1 : quotient);
            case "%":
                var remainder = BigInteger.Remainder(a, b);
                return new IntValue(!remainder.IsZero && remainder.Sign != b.Sign ? remainder + b : remainder);
            default:
                return Power(a, b);
        }
    }

    private static Value Power(BigInteger a, BigInteger b)
    {
        if (b.Sign < 0)
            return Real("**", Numbers.ToDouble(a), Numbers.ToDouble(b));
        if (a.IsZero || a.IsOne || b.IsZero)
            return new IntValue(b.IsZero ? 1 : a);
        if (a == -1)
            return b.IsEven ? 1 : -1;
        // |a| is at least 2, so the power has more bits than b, and about b times those of a.
        if (b > Numbers.MaxBits || (a.GetBitLength() - 1) * (long)b > Numbers.MaxBits)
            return Numbers.Checked(BigInteger.One << (Numbers.MaxBits + 1));
        return Numbers.Checked(BigInteger.Pow(a, (int)b));
    }

    // Floats hold whole numbers up to 2^53; beyond them the quotient is taken with 64 spare bits, which round once.
    private static Value Quotient(BigInteger a, BigInteger b)
    {
        if (a.GetBitLength() <= 53 && b.GetBitLength() <= 53)
            return (double)a / (double)b;
        var shift = Math.Max(0, 64 + (int)b.GetBitLength() - (int)a.GetBitLength());
        var quotient = BigInteger.DivRem(BigInteger.Abs(a) << shift, BigInteger.Abs(b), out var rest);
        if (!rest.IsZero)
            quotient |= 1; // keeps what is just above a half from looking like one
        var down = Math.Max(0, (int)quotient.GetBitLength() - 64);
        var sticky = (quotient & ((BigInteger.One << down) - 1)).IsZero ? 0UL : 1UL;
        var value = Math.ScaleB((double)((ulong)(quotient >> down) | sticky), down - shift);
        return double.IsFinite(value) ? a.Sign * b.Sign * value
            : throw new TemplateException("the quotient is too large for a float.");
    }

    private static Value Real(string op, double a, double b)
    {
        if (b == 0 && op is "/" or "//" or "%" || op == "**" && a == 0 && b < 0)
            throw new TemplateException("division by zero.");
        switch (op)
        {
            case "+":
                return a + b;
            case "-":
                return a - b;
            case "*":
                return a * b;
            case "/":
                return a / b;
            case "%":
                return Remainder(a, b);
            case "//":
                var quotient = (a - Remainder(a, b)) / b;
                // The division is exact but for rounding, so the nearest whole number is the answer.
                var whole = Math.Floor(quotient);
                return quotient - whole > 0.5 ? whole + 1 : quotient == 0 ? double.CopySign(0, a / b) : whole;
            default:
                if (a < 0 && double.IsFinite(a) && double.IsFinite(b) && !double.IsInteger(b))
                    throw new TemplateException("a root of a negative number is not supported.");
                var power = Math.Pow(a, b);
                return double.IsInfinity(power) && double.IsFinite(a) && double.IsFinite(b)
                    ? throw new TemplateException("the power is too large for a float.") : power;
        }
    }

    private static double Remainder(double a, double b)
    {
        var rest = a % b;
        if (rest == 0)
            return double.CopySign(0, b);
        return rest < 0 != b < 0 ? rest + b : rest;
    }
}
