using System.Numerics;

namespace Wisp.Chat.Values;

/// <summary>Iterating, counting, indexing and slicing of whatever can be.</summary>
internal static class Sequences
{
    public static IEnumerable<Value> Each(Value value, Budget budget) => value switch
    {
        ListValue list => list.Items,
        TupleValue tuple => tuple.Items,
        TextValue text => EachCharacter(text.Text, budget),
        DictValue dict => dict.Items.Keys,
        ViewValue { Part: DictPart.Keys } view => view.Dict.Items.Keys,
        ViewValue { Part: DictPart.Values } view => view.Dict.Items.Values,
        ViewValue view => view.Dict.Items.Select(Pair),
        RangeValue range => EachNumber(range),
        StreamValue stream => EachOf(stream),
        UndefinedValue => [],
        _ => throw new TemplateException($"'{value.TypeName}' cannot be iterated."),
    };

    public static TupleValue Pair(KeyValuePair<Value, Value> pair) => new([pair.Key, pair.Value]);

    public static bool CanIterate(Value value) =>
        value is ListValue or TupleValue or TextValue or DictValue or ViewValue or RangeValue or StreamValue
            or UndefinedValue;

    /// <summary>All items, paid for one by one.</summary>
    public static List<Value> List(Value value, Budget budget)
    {
        var items = new List<Value>();
        foreach (var item in Each(value, budget))
        {
            budget.Charge(Budget.Item);
            items.Add(item);
        }

        return items;
    }

    /// <summary>As len(): null where there is none.</summary>
    public static int? Count(Value value) => value switch
    {
        TextValue text => Characters.Length(text.Text),
        ListValue list => list.Items.Count,
        TupleValue tuple => tuple.Items.Count,
        DictValue dict => dict.Items.Count,
        ViewValue view => view.Dict.Items.Count,
        RangeValue range => range.Count,
        UndefinedValue => 0,
        LoopValue loop => loop.Length,
        _ => null,
    };

    /// <summary>value[index]; null where there is no such item.</summary>
    public static Value? Item(Value value, Value index, Budget budget)
    {
        if (value is DictValue dict)
            return ValueComparer.IsHashable(index) ? dict.Find(index) : null;
        if (Count(value) is not { } count || value is ViewValue or LoopValue ||
            !Numbers.TryInteger(index, out var number))
            return null;
        if (number.Sign < 0)
            number += count;
        if (number.Sign < 0 || number >= count)
            return null;
        var at = (int)number;
        switch (value)
        {
            case ListValue list:
                return list.Items[at];
            case TupleValue tuple:
                return tuple.Items[at];
            case RangeValue range:
                return range[at];
            case TextValue text:
                if (!Characters.HasPairs(text.Text))
                    return new TextValue(text.Text[at].ToString(), text.Safe);
                budget.Charge(text.Text.Length);
                return new TextValue(
                    text.Text[Characters.Offset(text.Text, at)..Characters.Offset(text.Text, at + 1)], text.Safe);
            default:
                return null;
        }
    }

    /// <summary>value[start:stop:step]; null where the value has no slices.</summary>
    public static Value? Slice(Value value, Value start, Value stop, Value step, Budget budget)
    {
        if (value is not (ListValue or TupleValue or TextValue or RangeValue))
            return null;
        var count = Count(value)!.Value;
        var by = Bound(step, 1, clamp: null);
        if (by == 0)
            throw new TemplateException("the step of a slice cannot be 0.");
        var from = Bound(start, by > 0 ? 0 : count - 1, count, by < 0);
        var to = Bound(stop, by > 0 ? count : -1, count, by < 0);
        var length = by > 0 ? Math.Max(0L, (to - from + by - 1) / by) : Math.Max(0L, (from - to - by - 1) / -by);
        budget.Charge(length + (value is TextValue t ? t.Text.Length / 8 : Budget.Item * length));
        switch (value)
        {
            case RangeValue range:
                return new RangeValue(
                    range.Start + from * range.Step, range.Start + to * range.Step, range.Step * by);
            case TextValue { Text: var text } whole:
                if (by == 1 && length > 0)
                {
                    var first = Characters.Offset(text, (int)from);
                    return new TextValue(text[first..Characters.Offset(text, (int)(from + length))], whole.Safe);
                }

                if (length == 0)
                    return new TextValue("", whole.Safe);
                budget.Charge(4L * text.Length);
                var points = Characters.Points(text);
                var picked = new int[length];
                for (var i = 0; i < length; i++)
                    picked[i] = points[from + i * by];
                return new TextValue(Characters.Join(picked), whole.Safe);
            default:
                var items = value is ListValue list ? list.Items : ((TupleValue)value).Items;
                var some = new Value[length];
                for (var i = 0; i < length; i++)
                    some[i] = items[(int)(from + i * by)];
                return value is ListValue ? new ListValue(some) : new TupleValue(some);
        }
    }

    // One bound of a slice; counted from the end where it is negative, and cut to what there is.
    private static long Bound(Value value, long otherwise, int? clamp, bool backwards = false)
    {
        if (value is NoneValue)
            return otherwise;
        if (!Numbers.TryInteger(value, out var number))
            throw new TemplateException($"the bounds of a slice are whole numbers, not '{value.TypeName}'.");
        var at = (long)BigInteger.Max(-int.MaxValue, BigInteger.Min(int.MaxValue, number));
        if (clamp is not { } count)
            return at;
        if (at < 0)
            at += count;
        return backwards ? Math.Clamp(at, -1, count - 1L) : Math.Clamp(at, 0, count);
    }

    /// <summary>item in container.</summary>
    public static bool Contains(Value container, Value item, ValueComparer comparer, Budget budget)
    {
        switch (container)
        {
            case TextValue text when item is TextValue part:
                budget.Charge(Texts.SearchCost(text.Text, part.Text));
                return text.Text.Contains(part.Text, StringComparison.Ordinal);
            case TextValue:
                throw new TemplateException($"'in <string>' needs a string on the left, not '{item.TypeName}'.");
            case DictValue dict:
                return dict.Items.ContainsKey(item);
            case ViewValue { Part: DictPart.Keys } view:
                return view.Dict.Items.ContainsKey(item);
            default:
                foreach (var other in Each(container, budget))
                {
                    budget.Charge(1);
                    if (comparer.Equals(item, other))
                        return true;
                }

                return false;
        }
    }

    private static IEnumerable<Value> EachCharacter(string text, Budget budget)
    {
        foreach (var character in Characters.Each(text))
        {
            budget.Charge(Budget.Step);
            yield return character;
        }
    }

    private static IEnumerable<Value> EachNumber(RangeValue range)
    {
        for (var i = 0; i < range.Count; i++)
            yield return range[i];
    }

    private static IEnumerable<Value> EachOf(StreamValue stream)
    {
        while (stream.Next(out var value))
            yield return value;
    }
}
