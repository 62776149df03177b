using System.Numerics;
using Wisp.Chat.Values;

namespace Wisp.Chat.Builtins;

/// <summary>The tests of Jinja: <c>value is name</c>.</summary>
internal static class Tests
{
    public static readonly IReadOnlyDictionary<string, Builtin> All = Table();

    private static Dictionary<string, Builtin> Table()
    {
        var all = new Dictionary<string, Builtin>
        {
            ["defined"] = Of(v => v is not UndefinedValue),
            ["undefined"] = Of(v => v is UndefinedValue),
            ["none"] = Of(v => v is NoneValue),
            ["boolean"] = Of(v => v is BoolValue),
            ["true"] = Of(v => v == BoolValue.True),
            ["false"] = Of(v => v == BoolValue.False),
            ["integer"] = Of(v => v is IntValue),
            ["float"] = Of(v => v is FloatValue),
            ["number"] = Of(Numbers.IsNumber),
            ["string"] = Of(v => v is TextValue),
            ["mapping"] = Of(v => v is DictValue),
            ["sequence"] = Of(v =>
                v is TextValue or ListValue or TupleValue or DictValue or RangeValue or UndefinedValue),
            ["iterable"] = Of(v => Sequences.CanIterate(v) || v is LoopValue),
            ["callable"] = Of(v => v is FunctionValue { TypeName: not "Cycler" } or LoopValue or UndefinedValue),
            ["escaped"] = Of(v => v is TextValue { Safe: true }),
            ["odd"] = Of(v => Remainder(v, 2) == 1),
            ["even"] = Of(v => Remainder(v, 2) == 0),
            ["divisibleby"] = (_, v, args) =>
            {
                var divisor = args.Bind(1, "num")[0]!;
                return Numbers.TryInteger(divisor, out var number) && !number.IsZero
                    ? Remainder(v, number) == 0
                    : throw new TemplateException("divisibleby needs a whole number, not 0.");
            },
            ["lower"] = (run, v, args) => Cased(run, v, args, StringMethods.IsLower),
            ["upper"] = (run, v, args) => Cased(run, v, args, StringMethods.IsUpper),
            ["sameas"] = (run, v, args) => Same(run, v, args.Bind(1, "other")[0]!),
            ["in"] = (run, v, args) => run.Compare("in", v, args.Bind(1, "seq")[0]!),
            ["filter"] = (_, v, args) => v is TextValue name && Filters.All.ContainsKey(name.Text),
            ["test"] = (_, v, args) => v is TextValue name && All!.ContainsKey(name.Text),
        };
        foreach (var (op, names) in new (string, string[])[]
        {
            ("==", ["==", "eq", "equalto"]), ("!=", ["!=", "ne"]), ("<", ["<", "lt", "lessthan"]), ("<=", ["<=", "le"]),
            (">", [">", "gt", "greaterthan"]), (">=", [">=", "ge"]),
        })
            foreach (var name in names)
                all[name] = (run, v, args) => run.Compare(op, v, args.Bind(1, "other")[0]!);
        return all;
    }

    private static Builtin Of(Func<Value, bool> test) => (_, value, arguments) =>
    {
        arguments.BindNone();
        return test(value);
    };

    private static Value Cased(Evaluator run, Value value, Arguments arguments, Func<string, bool> test)
    {
        arguments.BindNone();
        return test(Printer.Text(value, run.Budget));
    }

    private static double Remainder(Value value, BigInteger divisor)
    {
        if (value is UndefinedValue undefined)
            throw new TemplateException(undefined.Reason);
        if (Numbers.TryInteger(value, out var number))
            return (double)BigInteger.Remainder(BigInteger.Remainder(number, divisor) + divisor, divisor);
        var real = Numbers.ToDouble(value);
        var rest = real % (double)divisor;
        return rest < 0 ? rest + (double)divisor : rest;
    }

    // One and the same object: of small numbers and of texts Python keeps one each, too.
    private static Value Same(Evaluator run, Value a, Value b) => ReferenceEquals(a, b) ||
        a.GetType() == b.GetType() && a is IntValue or TextValue or FloatValue && run.Comparer.Equals(a, b);
}
