using Wisp.Chat.Values;

namespace Wisp.Chat.Builtins;

/// <summary>Filters that read or make sequences.</summary>
internal static class SequenceFilters
{
    public static Dictionary<string, Builtin> All() => new()
    {
        ["batch"] = (run, value, args) => Stream(run, Batch(run, value, args.Bind(1, "linecount", "fill_with"), args)),
        ["count"] = Length,
        ["length"] = Length,
        ["dictsort"] = DictSort,
        ["first"] = (run, value, args) =>
        {
            args.BindNone();
            foreach (var item in Sequences.Each(value, run.Budget))
                return item;
            return new UndefinedValue("no first item: the sequence is empty.");
        },
        ["last"] = (run, value, args) =>
        {
            args.BindNone();
            if (value is StreamValue)
                throw new TemplateException($"'{value.TypeName}' cannot be reversed; make it a list first.");
            if (value is DictValue or ViewValue or UndefinedValue or TextValue { Text: "" })
                return Sequences.List(value, run.Budget) is [.., var final] ? final : Empty("last");
            return Sequences.Item(value, -1, run.Budget) ?? (Sequences.CanIterate(value) ? Empty("last")
                : throw new TemplateException($"'{value.TypeName}' cannot be reversed."));
        },
        ["random"] = (run, value, args) =>
        {
            args.BindNone();
            var count = Sequences.Count(value) ?? throw new TemplateException($"'{value.TypeName}' has no length.");
            return Sequences.Item(value, (int)(run.Random.NextUnit() * count), run.Budget) ?? Empty("random");
        },
        ["groupby"] = GroupBy,
        ["items"] = (run, value, args) =>
        {
            args.BindNone();
            return value is DictValue or UndefinedValue
                ? Stream(run, value is DictValue dict ? dict.Items.Select(Sequences.Pair) : [])
                : throw new TemplateException("items needs a mapping.");
        },
        ["join"] = Join,
        ["list"] = (run, value, args) =>
        {
            args.BindNone();
            return new ListValue(Sequences.List(value, run.Budget));
        },
        ["map"] = (run, value, args) => Stream(run, Map(run, value, args)),
        ["max"] = (run, value, args) => Extreme(run, value, args, sign: 1),
        ["min"] = (run, value, args) => Extreme(run, value, args, sign: -1),
        ["reject"] = (run, value, args) => Stream(run, Select(run, value, args, attribute: false, wanted: false)),
        ["rejectattr"] = (run, value, args) => Stream(run, Select(run, value, args, attribute: true, wanted: false)),
        ["select"] = (run, value, args) => Stream(run, Select(run, value, args, attribute: false, wanted: true)),
        ["selectattr"] = (run, value, args) => Stream(run, Select(run, value, args, attribute: true, wanted: true)),
        ["reverse"] = Reverse,
        ["slice"] = (run, value, args) => Stream(run, Slices(run, value, args.Bind(1, "slices", "fill_with"), args)),
        ["sort"] = Sort,
        ["sum"] = Sum,
        ["unique"] = (run, value, args) => Stream(run, Unique(run, value, args)),
    };

    private static StreamValue Stream(Evaluator run, IEnumerable<Value> items) => new(items, run.Budget);

    private static UndefinedValue Empty(string which) => new($"no {which} item: the sequence is empty.");

    private static Value Length(Evaluator run, Value value, Arguments args)
    {
        args.BindNone();
        run.Budget.Charge(value is TextValue text ? text.Text.Length : 0);
        return Sequences.Count(value) ?? throw new TemplateException($"'{value.TypeName}' has no length.");
    }

    /// <summary>What <c>attribute='a.b.0'</c> reads of an item; null reads the item itself.</summary>
    private static Func<Value, Value> Getter(
        Evaluator run, Value? attribute, bool foldCase = false, Value? otherwise = null)
    {
        Value[] parts = attribute switch
        {
            null or NoneValue => [],
            TextValue path => [.. path.Text.Split('.').Select(part =>
                part.Length is > 0 and < 10 && part.All(char.IsAsciiDigit) ? int.Parse(part) : (Value)part)],
            _ => [attribute],
        };
        return item =>
        {
            foreach (var part in parts)
            {
                item = run.Item(item, part);
                if (item is UndefinedValue && otherwise is not null and not NoneValue)
                    item = otherwise;
            }

            if (!foldCase || item is not TextValue text)
                return item;
            run.Budget.Charge(text.Text.Length);
            return Characters.Lower(text.Text);
        };
    }

    private static IEnumerable<Value> Batch(Evaluator run, Value value, Value?[] bound, Arguments args)
    {
        var size = args.Int(bound[0]);
        var row = new List<Value>();
        foreach (var item in Sequences.Each(value, run.Budget))
        {
            if (row.Count == size)
            {
                yield return new ListValue(row);
                row = [];
            }

            run.Budget.Charge(Budget.Item);
            row.Add(item);
        }

        if (row.Count == 0)
            yield break;
        if (bound[1] is { } fill and not NoneValue && row.Count < size)
        {
            run.Budget.Charge((long)(size - row.Count) * Budget.Item);
            row.AddRange(Enumerable.Repeat(fill, size - row.Count));
        }

        yield return new ListValue(row);
    }

    private static IEnumerable<Value> Slices(Evaluator run, Value value, Value?[] bound, Arguments args)
    {
        var items = Sequences.List(value, run.Budget);
        var slices = args.Int(bound[0]);
        if (slices == 0)
            throw new TemplateException("slice needs a number of slices other than 0.");
        var (size, longer) = slices < 0 ? (0, 0) : (items.Count / slices, items.Count % slices);
        for (int i = 0, at = 0; i < slices; i++)
        {
            var count = size + (i < longer ? 1 : 0);
            run.Budget.Charge((count + 2) * Budget.Item);
            var part = items.GetRange(at, count);
            at += count;
            if (bound[1] is { } fill and not NoneValue && i >= longer)
                part.Add(fill);
            yield return new ListValue(part);
        }
    }

    private static ListValue DictSort(Evaluator run, Value value, Arguments args)
    {
        var bound = args.Bind(0, "case_sensitive", "by", "reverse");
        var by = bound[1] is null ? "key" : args.Text(bound[1]);
        if (by is not ("key" or "value"))
            throw new TemplateException("dictsort sorts by 'key' or 'value'.");
        if (value is not DictValue dict)
            throw new TemplateException(value is UndefinedValue undefined ? undefined.Reason
                : $"dictsort needs a dict, not '{value.TypeName}'.");
        List<Value> pairs = [.. dict.Items.Select(Sequences.Pair)];
        run.Budget.Charge(pairs.Count * Budget.Item);
        return Sorted(run, pairs, Getter(run, by == "key" ? 0 : 1, bound[0] is not { IsTrue: true }), bound[2]);
    }

    private static ListValue Sorted(Evaluator run, List<Value> items, Func<Value, Value> key, Value? reverse)
    {
        run.Budget.Charge((long)items.Count * Budget.Item);
        var order = Ordering.Of([.. items.Select(key)], run.Comparer, reverse is { IsTrue: true });
        return new ListValue([.. order.Select(i => items[i])]);
    }

    private static ListValue Sort(Evaluator run, Value value, Arguments args)
    {
        var bound = args.Bind(0, "reverse", "case_sensitive", "attribute");
        var fold = bound[1] is not { IsTrue: true };
        // Several attributes stand with commas; the first that differs decides.
        var keys = (bound[2] is TextValue names ? names.Text.Split(',').Select(name => (Value?)name) : [bound[2]])
            .Select(name => Getter(run, name, fold)).ToList();
        return Sorted(run, Sequences.List(value, run.Budget),
            item => new TupleValue([.. keys.Select(key => key(item))]), bound[0]);
    }

    private static ListValue GroupBy(Evaluator run, Value value, Arguments args)
    {
        var bound = args.Bind(1, "attribute", "default", "case_sensitive");
        var key = Getter(run, bound[0], bound[2] is not { IsTrue: true }, bound[1]);
        var shown = Getter(run, bound[0], otherwise: bound[1]);
        var groups = new List<Value>();
        var group = new List<Value>();
        foreach (var item in Sorted(run, Sequences.List(value, run.Budget), key, null).Items)
        {
            if (group.Count > 0 && !run.Comparer.Equals(key(group[0]), key(item)))
                Close();
            group.Add(item);
        }

        if (group.Count > 0)
            Close();
        return new ListValue(groups);

        void Close()
        {
            run.Budget.Charge(3 * Budget.Item);
            groups.Add(new TupleValue([shown(group[0]), new ListValue(group)], ["grouper", "list"]));
            group = [];
        }
    }

    private static Value Join(Evaluator run, Value value, Arguments args)
    {
        var bound = args.Bind(0, "d", "attribute");
        var separator = bound[0] is null ? "" : Printer.Text(bound[0]!, run.Budget);
        var get = Getter(run, bound[1]);
        return StringMethods.Join(run, separator, Sequences.Each(value, run.Budget)
            .Select(item => (Value)Printer.Text(get(item), run.Budget)));
    }

    private static IEnumerable<Value> Map(Evaluator run, Value value, Arguments args)
    {
        if (!value.IsTrue)
            yield break;
        Func<Value, Value> map;
        if (args.Positional.Count > 0)
        {
            var name = args.Text(args.Positional[0]);
            var rest = new Arguments(name, [.. args.Positional.Skip(1)], args.Named);
            map = item => run.Filter(name, item, rest);
        }
        else
        {
            var bound = args.Bind(0, "attribute", "default");
            if (bound[0] is null)
                throw new TemplateException("map needs the name of a filter, or attribute=...");
            map = Getter(run, bound[0], otherwise: bound[1]);
        }

        foreach (var item in Sequences.Each(value, run.Budget))
            yield return map(item);
    }

    private static IEnumerable<Value> Select(
        Evaluator run, Value value, Arguments args, bool attribute, bool wanted)
    {
        if (!value.IsTrue)
            yield break;
        var given = args.Positional;
        if (attribute && given.Count == 0)
            throw new TemplateException($"{args.Function} needs the name of an attribute.");
        var get = attribute ? Getter(run, given[0]) : item => item;
        var at = attribute ? 1 : 0;
        Func<Value, bool> test = item => item.IsTrue;
        if (given.Count > at)
        {
            var name = args.Text(given[at]);
            var rest = new Arguments(name, [.. given.Skip(at + 1)], args.Named);
            test = item => run.Test(name, item, rest).IsTrue;
        }

        foreach (var item in Sequences.Each(value, run.Budget))
            if (test(get(item)) == wanted)
                yield return item;
    }

    private static Value Extreme(Evaluator run, Value value, Arguments args, int sign)
    {
        var bound = args.Bind(0, "case_sensitive", "attribute");
        var get = Getter(run, bound[1], bound[0] is not { IsTrue: true });
        Value? best = null, bestKey = null;
        foreach (var item in Sequences.Each(value, run.Budget))
        {
            var key = get(item);
            if (bestKey is not null && run.Comparer.Compare(key, bestKey) * sign <= 0)
                continue;
            (best, bestKey) = (item, key);
        }

        return best ?? new UndefinedValue("no item: the sequence is empty.");
    }

    private static Value Reverse(Evaluator run, Value value, Arguments args)
    {
        args.BindNone();
        if (value is TextValue)
            return Sequences.Slice(value, NoneValue.Instance, NoneValue.Instance, -1, run.Budget)!;
        var items = Sequences.List(value, run.Budget);
        items.Reverse();
        return value is StreamValue ? new ListValue(items) : new StreamValue(items, run.Budget, "reversed");
    }

    private static Value Sum(Evaluator run, Value value, Arguments args)
    {
        var bound = args.Bind(0, "attribute", "start");
        var get = Getter(run, bound[0]);
        var sum = bound[1] ?? 0;
        if (sum is TextValue)
            throw new TemplateException("sum cannot add up strings; join can.");
        foreach (var item in Sequences.Each(value, run.Budget))
            sum = Operators.Apply("+", sum, get(item), run.Budget);
        return sum;
    }

    private static IEnumerable<Value> Unique(Evaluator run, Value value, Arguments args)
    {
        var bound = args.Bind(0, "case_sensitive", "attribute");
        var get = Getter(run, bound[1], bound[0] is not { IsTrue: true });
        var seen = new HashSet<Value>(run.Comparer);
        foreach (var item in Sequences.Each(value, run.Budget))
        {
            run.Budget.Charge(Budget.Item);
            if (seen.Add(get(item)))
                yield return item;
        }
    }
}
