namespace Wisp.Chat.Values;

internal sealed class ListValue(IReadOnlyList<Value> items) : Value
{
    public IReadOnlyList<Value> Items { get; } = items;

    public override string TypeName => "list";

    public override bool IsTrue => Items.Count > 0;
}

/// <param name="names">Of the items, where they have some, as in the groups that <c>groupby</c> makes.</param>
internal sealed class TupleValue(IReadOnlyList<Value> items, string[]? names = null) : Value
{
    public IReadOnlyList<Value> Items { get; } = items;

    public override string TypeName => "tuple";

    public override bool IsTrue => Items.Count > 0;

    public Value? Named(string name) =>
        names is not null && Array.IndexOf(names, name) is >= 0 and var at ? Items[at] : null;
}

/// <summary>Keys and values in the order in which they came.</summary>
internal sealed class DictValue(ValueComparer comparer) : Value
{
    public OrderedDictionary<Value, Value> Items { get; } = new(comparer);

    public override string TypeName => "dict";

    public override bool IsTrue => Items.Count > 0;

    public Value? Find(Value key) => Items.TryGetValue(key, out var value) ? value : null;

    /// <summary>A later value of the same key replaces the earlier, in its place.</summary>
    public void Set(Value key, Value value) => Items[key] = value;
}

internal enum DictPart
{
    Keys,
    Values,
    Items,
}

/// <summary>What <c>keys()</c>, <c>values()</c> and <c>items()</c> of a dict give.</summary>
internal sealed class ViewValue(DictValue dict, DictPart part) : Value
{
    public DictValue Dict { get; } = dict;

    public DictPart Part { get; } = part;

    public override string TypeName => Part switch
    {
        DictPart.Keys => "dict_keys",
        DictPart.Values => "dict_values",
        _ => "dict_items",
    };

    public override bool IsTrue => Dict.IsTrue;
}

/// <summary>Numbers from start on, below stop. All three are cut to 32 bits before they come here.</summary>
internal sealed class RangeValue(long start, long stop, long step) : Value
{
    public long Start { get; } = start;

    public long Stop { get; } = stop;

    public long Step { get; } = step;

    public int Count { get; } = (int)Math.Clamp(
        step > 0 ? (stop - start + step - 1) / step : (start - stop - step - 1) / -step, 0, int.MaxValue);

    public override string TypeName => "range";

    public override bool IsTrue => Count > 0;

    public long this[int index] => Start + index * Step;
}

/// <summary>Values that come one by one and only once: what <c>map</c>, <c>select</c> and their like give.</summary>
internal sealed class StreamValue(IEnumerable<Value> items, Budget budget, string typeName = "generator") : Value
{
    private readonly IEnumerator<Value> _items = items.GetEnumerator();

    public override string TypeName => typeName;

    public bool Next(out Value value)
    {
        // A stream may read from a stream that reads from a stream, without end.
        budget.Enter();
        budget.Charge(Budget.Step);
        var more = _items.MoveNext();
        value = more ? _items.Current : NoneValue.Instance;
        budget.Leave();
        return more;
    }
}
