using System.Numerics;
using Wisp.Chat.Values;

namespace Wisp.Chat.Builtins;

/// <summary>
/// What values have by name: methods of their type, attributes of loops, macros and namespaces. Methods that change a
/// list or dict are refused, as in Jinja's immutable sandbox.
/// </summary>
internal static class Methods
{
    private static readonly HashSet<string> s_changingList =
        ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"];

    private static readonly HashSet<string> s_changingDict = ["clear", "pop", "popitem", "setdefault", "update"];

    private static readonly Dictionary<string, Builtin> s_list = new()
    {
        ["copy"] = (_, self, args) => NoArguments(args, self),
        ["count"] = (run, self, args) => Count(run, Items(run, self), args),
        ["index"] = (run, self, args) => Index(run, Items(run, self), args),
    };

    private static readonly Dictionary<string, Builtin> s_tuple = new()
    {
        ["count"] = (run, self, args) => Count(run, Items(run, self), args),
        ["index"] = (run, self, args) => Index(run, Items(run, self), args),
    };

    private static readonly Dictionary<string, Builtin> s_dict = new()
    {
        ["copy"] = (_, self, args) => NoArguments(args, self),
        ["get"] = (_, self, args) =>
        {
            var bound = args.Bind(1, "key", "default");
            return ((DictValue)self).Find(bound[0]!) ?? bound[1] ?? NoneValue.Instance;
        },
        ["items"] = (_, self, args) => NoArguments(args, new ViewValue((DictValue)self, DictPart.Items)),
        ["keys"] = (_, self, args) => NoArguments(args, new ViewValue((DictValue)self, DictPart.Keys)),
        ["values"] = (_, self, args) => NoArguments(args, new ViewValue((DictValue)self, DictPart.Values)),
        ["fromkeys"] = (run, _, args) =>
        {
            var bound = args.Bind(1, "iterable", "value");
            var dict = new DictValue(run.Comparer);
            foreach (var key in Sequences.Each(bound[0]!, run.Budget))
            {
                run.Budget.Charge(Budget.Item);
                dict.Set(key, bound[1] ?? NoneValue.Instance);
            }

            return dict;
        },
    };

    private static readonly Dictionary<string, Builtin> s_int = new()
    {
        ["bit_length"] = (_, self, args) => NoArguments(args, BigInteger.Abs(Whole(self)) is var n && n.IsZero
            ? 0 : (long)n.GetBitLength()),
        ["conjugate"] = (_, self, args) => NoArguments(args, new IntValue(Whole(self))),
        ["is_integer"] = (_, _, args) => NoArguments(args, true),
    };

    private static readonly Dictionary<string, Builtin> s_float = new()
    {
        ["is_integer"] = (_, self, args) => NoArguments(args, double.IsInteger(((FloatValue)self).Number)),
        ["conjugate"] = (_, self, args) => NoArguments(args, self),
    };

    /// <summary>Null where the value has nothing of this name.</summary>
    public static Value? Find(Evaluator run, Value of, string name)
    {
        switch (of)
        {
            case NamespaceValue names:
                return names.Attributes.GetValueOrDefault(name);
            case LoopValue loop:
                return loop.Attribute(name);
            case FunctionValue function:
                return function.Attribute(name);
            case TextValue:
                return Bound(run, of, name, StringMethods.All);
            case ListValue when s_changingList.Contains(name):
            case DictValue when s_changingDict.Contains(name):
                return new UndefinedValue($"'{name}' would change a '{of.TypeName}', which templates may not.");
            case ListValue:
                return Bound(run, of, name, s_list);
            case TupleValue tuple:
                return tuple.Named(name) ?? Bound(run, of, name, s_tuple);
            case DictValue:
                return Bound(run, of, name, s_dict);
            case RangeValue range:
                return name switch
                {
                    "start" => range.Start,
                    "stop" => range.Stop,
                    "step" => range.Step,
                    _ => Bound(run, of, name, s_tuple),
                };
            case IntValue or BoolValue:
                return name switch
                {
                    "real" or "numerator" => new IntValue(Whole(of)),
                    "imag" => 0,
                    "denominator" => 1,
                    _ => Bound(run, of, name, s_int),
                };
            case FloatValue:
                return name == "real" ? of : name == "imag" ? 0.0 : Bound(run, of, name, s_float);
            default:
                return null;
        }
    }

    private static FunctionValue? Bound(
        Evaluator run, Value of, string name, IReadOnlyDictionary<string, Builtin> methods) =>
        methods.TryGetValue(name, out var method) ? run.Function(name, method, of) : null;

    // Lists and dicts never change, so a copy is the value itself.
    private static Value NoArguments(Arguments arguments, Value result)
    {
        arguments.BindNone();
        return result;
    }

    private static BigInteger Whole(Value value) => Numbers.TryInteger(value, out var number) ? number : 0;

    private static IReadOnlyList<Value> Items(Evaluator run, Value value) => value is ListValue list ? list.Items
        : value is TupleValue tuple ? tuple.Items : Sequences.List(value, run.Budget);

    private static Value Count(Evaluator run, IReadOnlyList<Value> items, Arguments args)
    {
        var value = args.Bind(1, "value")[0]!;
        return items.Count(item => run.Comparer.Equals(item, value));
    }

    private static Value Index(Evaluator run, IReadOnlyList<Value> items, Arguments args)
    {
        var bound = args.Bind(1, "value", "start", "stop");
        int Bound(int i, int otherwise) => args.Int(bound[i], otherwise) is var at && at < 0
            ? Math.Max(0, at + items.Count) : Math.Min(at, items.Count);
        for (int at = Bound(1, 0), stop = Bound(2, items.Count); at < stop; at++)
            if (run.Comparer.Equals(items[at], bound[0]!))
                return at;
        throw new TemplateException($"{Printer.Repr(bound[0]!, run.Budget)} is not in the list.");
    }
}
