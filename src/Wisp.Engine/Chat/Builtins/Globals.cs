using Wisp.Chat.Values;

namespace Wisp.Chat.Builtins;

/// <summary>Functions that every template sees: those of Jinja, and two that chat templates count on.</summary>
internal static class Globals
{
    private const int LongestRange = 100_000; // the limit of Jinja's sandbox

    public static readonly IReadOnlyDictionary<string, Builtin> All = new Dictionary<string, Builtin>
    {
        ["range"] = Range,
        ["dict"] = Dict,
        ["namespace"] = Namespace,
        ["cycler"] = Cycler,
        ["joiner"] = Joiner,
        ["raise_exception"] = (run, _, args) =>
            throw new TemplateException(Printer.Text(args.Bind(1, "message")[0]!, run.Budget)),
        ["strftime_now"] = (run, _, args) =>
            Clock.Format(run.Now.DateTime, args.Text(args.Bind(1, "format")[0]), run.Budget),
        ["lipsum"] = (_, _, _) => throw new TemplateException("lipsum() writes random text, and is not supported."),
    };

    private static RangeValue Range(Evaluator run, Value self, Arguments args)
    {
        var bound = args.Bind(1, "start", "stop", "step");
        long Number(int i) => args.Int(bound[i]);
        var step = bound[2] is null ? 1 : Number(2);
        if (step == 0)
            throw new TemplateException("range() needs a step other than 0.");
        var range = bound[1] is null ? new RangeValue(0, Number(0), 1) : new RangeValue(Number(0), Number(1), step);
        return range.Count <= LongestRange ? range : throw new TemplateException(
            $"range() of {range.Count:n0} numbers is too long; the limit is {LongestRange:n0}.");
    }

    // Pairs of a dict or of a sequence of pairs, then those by name.
    private static IEnumerable<(Value Key, Value Value)> Pairs(Evaluator run, Arguments args)
    {
        if (args.Positional.Count > 1)
            throw new TemplateException(
                $"{args.Function}() takes at most 1 argument, and there are {args.Positional.Count}.");
        foreach (var from in args.Positional)
        {
            if (from is DictValue dict)
            {
                foreach (var (key, value) in dict.Items)
                    yield return (key, value);
                continue;
            }

            foreach (var pair in Sequences.Each(from, run.Budget))
                yield return Sequences.List(pair, run.Budget) is [var key, var value] ? (key, value)
                    : throw new TemplateException($"{args.Function}() needs pairs of a key and a value.");
        }

        foreach (var (name, value) in args.Named)
            yield return (name, value);
    }

    private static DictValue Dict(Evaluator run, Value self, Arguments args)
    {
        var dict = new DictValue(run.Comparer);
        foreach (var (key, value) in Pairs(run, args))
        {
            run.Budget.Charge(Budget.Item);
            dict.Set(key, value);
        }

        return dict;
    }

    private static NamespaceValue Namespace(Evaluator run, Value self, Arguments args)
    {
        var names = new NamespaceValue();
        foreach (var (key, value) in Pairs(run, args))
        {
            run.Budget.Charge(Budget.Item);
            names.Attributes[args.Text(key)] = value;
        }

        return names;
    }

    // cycler('odd', 'even').next(), again and again.
    private static FunctionValue Cycler(Evaluator run, Value self, Arguments args)
    {
        if (args.Positional.Count == 0 || args.Named.Count > 0)
            throw new TemplateException("cycler() needs items, by position.");
        var items = args.Positional;
        var at = 0;
        return new FunctionValue("cycler", "Cycler", _ => throw new TemplateException("a cycler is not a function."),
            name => name switch
            {
                "current" => items[at],
                "items" => new TupleValue(items),
                "pos" => at,
                "next" => new FunctionValue("next", "method", arguments =>
                {
                    arguments.BindNone();
                    var item = items[at];
                    at = (at + 1) % items.Count;
                    return item;
                }),
                "reset" => new FunctionValue("reset", "method", arguments =>
                {
                    arguments.BindNone();
                    at = 0;
                    return NoneValue.Instance;
                }),
                _ => null,
            });
    }

    // Nothing at the first call, then the separator.
    private static FunctionValue Joiner(Evaluator run, Value self, Arguments args)
    {
        var separator = args.Bind(0, "sep")[0] ?? ", ";
        var used = false;
        return new FunctionValue("joiner", "Joiner", arguments =>
        {
            arguments.BindNone();
            var text = used ? separator : "";
            used = true;
            return text;
        }, name => name switch
        {
            "sep" => separator,
            "used" => used,
            _ => null,
        });
    }
}
