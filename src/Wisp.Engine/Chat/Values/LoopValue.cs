namespace Wisp.Chat.Values;

/// <summary>
/// The variable <c>loop</c>: where a loop stands. It reads one item ahead only when asked what comes.
/// </summary>
/// <param name="count">Of the items, where it is known before they are read.</param>
/// <param name="recurse">Runs the body over other items, in a recursive loop.</param>
internal sealed class LoopValue(
    IEnumerable<Value> items, int? count, int depth0, ValueComparer comparer, Budget budget,
    Func<Arguments, Value>? recurse) : Value
{
    private readonly IEnumerator<Value> _items = items.GetEnumerator();
    private readonly Queue<Value> _ahead = new();
    private Value? _before;
    private Value? _current;
    private IReadOnlyList<Value>? _changed;
    private int? _count = count;
    private int _index0 = -1;

    public override string TypeName => "LoopContext";

    public int Length
    {
        get
        {
            if (_count is null)
            {
                while (Read())
                    budget.Charge(Budget.Item);
                _count = _index0 + 1 + _ahead.Count;
            }

            return _count.Value;
        }
    }

    /// <summary>As in "2/3": the number of the item, of how many.</summary>
    public string Position => $"{_index0 + 1}/{Length}";

    private bool Read()
    {
        if (!_items.MoveNext())
            return false;
        _ahead.Enqueue(_items.Current);
        return true;
    }

    /// <summary>Moves to the next item.</summary>
    public bool Next(out Value value)
    {
        value = NoneValue.Instance;
        if (_ahead.Count == 0 && !Read())
            return false;
        (_before, _current) = (_current, _ahead.Dequeue());
        _index0++;
        value = _current;
        return true;
    }

    public Value Call(Arguments arguments) => recurse is not null ? recurse(arguments) : throw new TemplateException(
        "the loop must have the 'recursive' marker to be called recursively.");

    public Value? Attribute(string name) => name switch
    {
        "index" => _index0 + 1,
        "index0" => _index0,
        "revindex" => Length - _index0,
        "revindex0" => Length - _index0 - 1,
        "first" => _index0 == 0,
        "last" => _ahead.Count == 0 && !Read(),
        "length" => Length,
        "depth" => depth0 + 1,
        "depth0" => depth0,
        "previtem" => _before ?? new UndefinedValue("there is no previous item."),
        "nextitem" => _ahead.Count > 0 || Read() ? _ahead.Peek() : new UndefinedValue("there is no next item."),
        "cycle" => new FunctionValue("cycle", "method", Cycle),
        "changed" => new FunctionValue("changed", "method", Changed),
        _ => null,
    };

    private Value Cycle(Arguments arguments) => arguments.Positional.Count > 0
        ? arguments.Positional[_index0 % arguments.Positional.Count]
        : throw new TemplateException("cycle() needs items to choose from.");

    private Value Changed(Arguments arguments)
    {
        var changed = _changed is null ||
            !comparer.Equals(new TupleValue(_changed), new TupleValue(arguments.Positional));
        _changed = arguments.Positional;
        return changed;
    }
}
