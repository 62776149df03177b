using Wisp.Chat.Values;

namespace Wisp.Chat.Builtins;

/// <summary>The filters of Jinja: <c>value|name</c>; tojson as chat templates know it.</summary>
internal static class Filters
{
    public static readonly IReadOnlyDictionary<string, Builtin> All =
        new[] { General(), TextFilters.All(), SequenceFilters.All(), HtmlFilters.All() }
            .SelectMany(table => table).ToDictionary(pair => pair.Key, pair => pair.Value);

    private static Dictionary<string, Builtin> General() => new()
    {
        ["abs"] = (_, value, args) =>
        {
            args.BindNone();
            return Numbers.TryInteger(value, out var whole) ? new IntValue(System.Numerics.BigInteger.Abs(whole))
                : value is FloatValue real ? Math.Abs(real.Number)
                : throw new TemplateException($"abs needs a number, not '{value.TypeName}'.");
        },
        ["attr"] = (run, value, args) =>
        {
            var name = args.Text(args.Bind(1, "name")[0]);
            if (value is UndefinedValue undefined)
                throw new TemplateException(undefined.Reason);
            return Methods.Find(run, value, name) ??
                new UndefinedValue($"'{value.TypeName}' has no attribute '{name}'.");
        },
        ["d"] = Default,
        ["default"] = Default,
        ["float"] = Float,
        ["int"] = Int,
        ["pprint"] = (run, value, args) =>
        {
            args.BindNone();
            return new PrettyPrinter(run.Budget, run.Comparer).Print(value);
        },
        ["round"] = Round,
        ["tojson"] = ToJson,
    };

    private static Value Default(Evaluator run, Value value, Arguments args)
    {
        var bound = args.Bind(0, "default_value", "boolean");
        return value is UndefinedValue || bound[1] is { IsTrue: true } && !value.IsTrue ? bound[0] ?? "" : value;
    }

    private static Value Int(Evaluator run, Value value, Arguments args)
    {
        var bound = args.Bind(0, "default", "base");
        var radix = args.Int(bound[1], 10);
        switch (value)
        {
            case TextValue text:
                run.Budget.Charge(text.Text.Length + Numbers.DigitsCost(Math.Min(text.Text.Length, Numbers.MaxDigits)));
                if (radix is < 0 or 1 or > 36)
                    throw new TemplateException("the base of int is 0 or from 2 to 36.");
                if (Numbers.TryParseInteger(text.Text, radix, out var number))
                    return new IntValue(number);
                if (Numbers.TryParseFloat(text.Text, out var fraction) && double.IsFinite(fraction))
                    return new IntValue(new(Math.Truncate(fraction)));
                break;
            case FloatValue real when double.IsFinite(real.Number):
                return new IntValue(new(Math.Truncate(real.Number)));
            case FloatValue { Number: not double.NaN }:
                throw new TemplateException("infinity cannot be made a whole number.");
            case UndefinedValue undefined:
                throw new TemplateException(undefined.Reason);
            default:
                if (Numbers.TryInteger(value, out var whole))
                    return new IntValue(whole);
                break;
        }

        return bound[0] ?? 0;
    }

    private static Value Float(Evaluator run, Value value, Arguments args)
    {
        var otherwise = args.Bind(0, "default")[0] ?? 0.0;
        if (value is TextValue text)
        {
            run.Budget.Charge(text.Text.Length);
            return Numbers.TryParseFloat(text.Text, out var number) ? number : otherwise;
        }

        return value is UndefinedValue undefined ? throw new TemplateException(undefined.Reason)
            : Numbers.IsNumber(value) ? Numbers.ToDouble(value) : otherwise;
    }

    private static Value Round(Evaluator run, Value value, Arguments args)
    {
        var bound = args.Bind(0, "precision", "method");
        var precision = Math.Clamp(args.Int(bound[0]), -400, 400);
        var method = bound[1] is null ? "common" : args.Text(bound[1]);
        var whole = Numbers.TryInteger(value, out var number);
        run.Budget.Charge(16L * Math.Abs(precision));
        if (method == "common")
        {
            if (!whole)
                return Numbers.Round(Numbers.ToDouble(value), precision);
            if (precision >= 0)
                return new IntValue(number);
            // To tens, hundreds and so on, ties to even.
            var unit = System.Numerics.BigInteger.Pow(10, -precision);
            var below = number - ((number % unit + unit) % unit);
            var twice = (number - below) * 2;
            return new IntValue(twice > unit || twice == unit && !(below / unit).IsEven ? below + unit : below);
        }

        if (method is not ("ceil" or "floor"))
            throw new TemplateException("the method of round is 'common', 'ceil' or 'floor'.");
        var scale = Math.Pow(10, precision);
        var scaled = Numbers.ToDouble(value) * scale;
        if (!double.IsFinite(scaled))
            throw new TemplateException("the number is too large to round.");
        return (method == "ceil" ? Math.Ceiling(scaled) : Math.Floor(scaled)) / scale;
    }

    private static Value ToJson(Evaluator run, Value value, Arguments args)
    {
        var bound = args.Bind(0, "ensure_ascii", "indent", "separators", "sort_keys");
        string? indent = null;
        if (bound[1] is TextValue text)
            indent = text.Text;
        else if (bound[1] is not (null or NoneValue))
        {
            var width = Math.Max(0, args.Int(bound[1]));
            run.Budget.Charge(width);
            indent = new string(' ', width);
        }

        var (items, keys) = (indent is null ? ", " : ",", ": ");
        if (bound[2] is not (null or NoneValue))
            (items, keys) = Sequences.List(bound[2]!, run.Budget) is [TextValue a, TextValue b] ? (a.Text, b.Text)
                : throw new TemplateException("the separators of tojson are two strings.");
        return new JsonText(run.Budget, run.Comparer, bound[0] is { IsTrue: true }, indent, items, keys,
            bound[3] is { IsTrue: true }).Write(value);
    }
}
