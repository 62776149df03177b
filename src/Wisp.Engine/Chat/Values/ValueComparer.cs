using System.Numerics;

namespace Wisp.Chat.Values;

/// <summary>
/// When values are equal, and which comes first, as in Python: 1, 1.0 and true are one and the same key.
/// </summary>
internal sealed class ValueComparer(Budget budget) : IEqualityComparer<Value>
{
    public bool Equals(Value? a, Value? b)
    {
        budget.Charge(Budget.Step);
        if (ReferenceEquals(a, b))
            return a is not FloatValue { Number: double.NaN };
        switch (a, b)
        {
            case (TextValue x, TextValue y):
                budget.Charge(Math.Min(x.Text.Length, y.Text.Length));
                return x.Text == y.Text;
            case (UndefinedValue, UndefinedValue):
                return true;
            case (ListValue x, ListValue y):
                return SameItems(x.Items, y.Items);
            case (TupleValue x, TupleValue y):
                return SameItems(x.Items, y.Items);
            case (RangeValue x, RangeValue y):
                return x.Count == y.Count && (x.Count == 0 || x.Start == y.Start && (x.Count == 1 || x.Step == y.Step));
            case (DictValue x, DictValue y):
                return SameDict(x, y);
            case (ViewValue { Part: not DictPart.Values } x, ViewValue { Part: not DictPart.Values } y):
                return x.Part == y.Part && (x.Part == DictPart.Items ? SameDict(x.Dict, y.Dict)
                    : x.Dict.Items.Count == y.Dict.Items.Count && x.Dict.Items.Keys.All(y.Dict.Items.ContainsKey));
            default:
                return a is not null && b is not null && Numbers.IsNumber(a) && Numbers.IsNumber(b) &&
                    Numbers.Compare(a, b) == 0;
        }
    }

    /// <summary>Whether it can be a key. Lists and dicts cannot, since Python's can change.</summary>
    public static bool IsHashable(Value value) => value is not (ListValue or DictValue or ViewValue);

    public int GetHashCode(Value value)
    {
        budget.Charge(Budget.Step);
        switch (value)
        {
            case TextValue text:
                budget.Charge(text.Text.Length);
                return text.Text.GetHashCode(StringComparison.Ordinal);
            case FloatValue f when !double.IsInteger(f.Number):
                return f.Number.GetHashCode();
            case FloatValue f:
                return new BigInteger(f.Number).GetHashCode();
            case BoolValue b:
                return (b.IsTrue ? BigInteger.One : BigInteger.Zero).GetHashCode();
            case IntValue i:
                return i.Number.GetHashCode();
            case TupleValue tuple:
                budget.Enter();
                var hash = new HashCode();
                for (var i = 0; i < tuple.Items.Count; i++)
                    hash.Add(GetHashCode(tuple.Items[i]));
                budget.Leave();
                return hash.ToHashCode();
            case NoneValue or UndefinedValue:
                return 1;
            case var _ when !IsHashable(value):
                throw new TemplateException($"unhashable type: '{value.TypeName}' cannot be the key of a dict.");
            default:
                return System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(value);
        }
    }

    /// <summary>Below 0 where a comes first. Values without an order are a fault.</summary>
    /// <param name="op">How the template writes the comparison, for the message.</param>
    public int Compare(Value a, Value b, string op = "<")
    {
        budget.Charge(Budget.Step);
        switch (a, b)
        {
            case (UndefinedValue u, _):
                throw new TemplateException(u.Reason);
            case (_, UndefinedValue u):
                throw new TemplateException(u.Reason);
            case (TextValue x, TextValue y):
                budget.Charge(Math.Min(x.Text.Length, y.Text.Length));
                return CompareText(x.Text, y.Text);
            case (ListValue x, ListValue y):
                return CompareItems(x.Items, y.Items, op);
            case (TupleValue x, TupleValue y):
                return CompareItems(x.Items, y.Items, op);
            default:
                if (Numbers.IsNumber(a) && Numbers.IsNumber(b))
                    return Numbers.Compare(a, b);
                throw new TemplateException(
                    $"'{op}' is not supported between '{a.TypeName}' and '{b.TypeName}'.");
        }
    }

    // Python orders by code point. UTF-16 differs where one half of a pair meets a character above the pairs.
    private static int CompareText(string a, string b)
    {
        var at = a.AsSpan().CommonPrefixLength(b);
        if (at == a.Length || at == b.Length)
            return a.Length.CompareTo(b.Length);
        return Rank(a[at]).CompareTo(Rank(b[at]));

        static int Rank(char c) => char.IsSurrogate(c) ? c + 0x10000 : c;
    }

    private bool SameItems(IReadOnlyList<Value> a, IReadOnlyList<Value> b)
    {
        if (a.Count != b.Count)
            return false;
        budget.Enter();
        var same = true;
        for (var i = 0; same && i < a.Count; i++)
            same = Equals(a[i], b[i]);
        budget.Leave();
        return same;
    }

    private bool SameDict(DictValue a, DictValue b)
    {
        if (a.Items.Count != b.Items.Count)
            return false;
        budget.Enter();
        var same = true;
        foreach (var (key, value) in a.Items)
            if (!(same = b.Find(key) is { } other && Equals(value, other)))
                break;
        budget.Leave();
        return same;
    }

    private int CompareItems(IReadOnlyList<Value> a, IReadOnlyList<Value> b, string op)
    {
        budget.Enter();
        var order = a.Count.CompareTo(b.Count);
        for (var i = 0; i < Math.Min(a.Count, b.Count); i++)
        {
            if (Equals(a[i], b[i]))
                continue;
            order = Compare(a[i], b[i], op);
            break;
        }

        budget.Leave();
        return order;
    }
}
