using System.Text;

namespace Wisp.Chat.Values;

/// <summary>Values as Python prints them: str for output, repr for what stands within lists and dicts.</summary>
internal static class Printer
{
    public static string Text(Value value, Budget budget)
    {
        if (value is TextValue text)
            return text.Text;
        var into = new StringBuilder();
        if (value is not UndefinedValue)
            Append(into, value, budget);
        return into.ToString();
    }

    public static string Repr(Value value, Budget budget, bool ascii = false)
    {
        var into = new StringBuilder();
        Append(into, value, budget);
        if (!ascii)
            return into.ToString();
        var text = new StringBuilder();
        foreach (var point in Characters.Points(into.ToString()))
            if (point < 0x7F)
                text.Append((char)point);
            else
                AppendEscape(text, point);
        budget.Charge(text.Length);
        return text.ToString();
    }

    /// <summary>A text in quotes with escapes, for messages.</summary>
    public static string Quoted(string text)
    {
        var into = new StringBuilder();
        AppendQuoted(into, text);
        return into.ToString();
    }

    private static void Append(StringBuilder into, Value value, Budget budget)
    {
        budget.Enter();
        budget.Charge(Budget.Step);
        var length = into.Length;
        switch (value)
        {
            case NoneValue:
                into.Append("None");
                break;
            case BoolValue b:
                into.Append(b.IsTrue ? "True" : "False");
                break;
            case IntValue i:
                into.Append(Numbers.Text(i.Number, budget));
                break;
            case FloatValue f:
                into.Append(Numbers.Text(f.Number));
                break;
            case TextValue text:
                budget.Charge(text.Text.Length);
                if (text.Safe)
                    into.Append("Markup(");
                AppendQuoted(into, text.Text);
                if (text.Safe)
                    into.Append(')');
                break;
            case UndefinedValue:
                into.Append("Undefined");
                break;
            case ListValue list:
                AppendItems(into, '[', list.Items, "]", budget);
                break;
            case TupleValue tuple:
                AppendItems(into, '(', tuple.Items, tuple.Items.Count == 1 ? ",)" : ")", budget);
                break;
            case DictValue dict:
                AppendDict(into, dict.Items, budget);
                break;
            case ViewValue view:
                into.Append(view.TypeName).Append('(');
                AppendItems(into, '[', Sequences.List(view, budget), "]", budget);
                into.Append(')');
                break;
            case RangeValue range:
                into.Append($"range({range.Start}, {range.Stop}{(range.Step == 1 ? "" : $", {range.Step}")})");
                break;
            case NamespaceValue names:
                into.Append("<Namespace {");
                AppendPairs(into, names.Attributes.Select(
                    p => KeyValuePair.Create((Value)new TextValue(p.Key), p.Value)), budget);
                into.Append("}>");
                break;
            case LoopValue loop:
                into.Append($"<LoopContext {loop.Position}>");
                break;
            case FunctionValue { TypeName: "Macro" } macro:
                into.Append($"<Macro {Quoted(macro.Name)}>");
                break;
            default:
                into.Append($"<{value.TypeName} object>");
                break;
        }

        budget.Charge(Math.Max(0, into.Length - length));
        budget.Leave();
    }

    private static void AppendItems(
        StringBuilder into, char open, IReadOnlyList<Value> items, string close, Budget budget)
    {
        into.Append(open);
        for (var i = 0; i < items.Count; i++)
        {
            if (i > 0)
                into.Append(", ");
            Append(into, items[i], budget);
        }

        into.Append(close);
    }

    private static void AppendDict(StringBuilder into, IEnumerable<KeyValuePair<Value, Value>> pairs, Budget budget)
    {
        into.Append('{');
        AppendPairs(into, pairs, budget);
        into.Append('}');
    }

    private static void AppendPairs(StringBuilder into, IEnumerable<KeyValuePair<Value, Value>> pairs, Budget budget)
    {
        var first = true;
        foreach (var (key, value) in pairs)
        {
            if (!first)
                into.Append(", ");
            first = false;
            Append(into, key, budget);
            into.Append(": ");
            Append(into, value, budget);
        }
    }

    // In single quotes, unless that alone would need an escape.
    private static void AppendQuoted(StringBuilder into, string text)
    {
        var quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        into.Append(quote);
        foreach (var point in Characters.Points(text))
        {
            if (point == quote || point == '\\')
                into.Append('\\').Append((char)point);
            else if (point is '\n' or '\r' or '\t')
                into.Append('\\').Append(point == '\n' ? 'n' : point == '\r' ? 'r' : 't');
            else if (Characters.IsPrintable(point))
                Characters.Append(into, point);
            else
                AppendEscape(into, point);
        }

        into.Append(quote);
    }

    private static void AppendEscape(StringBuilder into, int point) =>
        into.Append(point < 0x100 ? $"\\x{point:x2}" : point < 0x10000 ? $"\\u{point:x4}" : $"\\U{point:x8}");
}
