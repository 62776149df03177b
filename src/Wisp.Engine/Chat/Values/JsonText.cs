using System.Text;

namespace Wisp.Chat.Values;

/// <summary>Values as JSON, character for character as Python's json.dumps writes it.</summary>
internal sealed class JsonText(
    Budget budget, ValueComparer comparer, bool ascii, string? indent, string itemSeparator, string keySeparator,
    bool sortKeys)
{
    private readonly StringBuilder _text = new();

    public string Write(Value value)
    {
        Append(value, 0);
        return _text.ToString();
    }

    private void Append(Value value, int level)
    {
        budget.Enter();
        budget.Charge(Budget.Step);
        switch (value)
        {
            case NoneValue:
                Append("null");
                break;
            case BoolValue b:
                Append(b.IsTrue ? "true" : "false");
                break;
            case IntValue i:
                Append(Numbers.Text(i.Number, budget));
                break;
            case FloatValue f:
                Append(Real(f.Number));
                break;
            case TextValue text:
                AppendQuoted(text.Text);
                break;
            case ListValue list:
                AppendItems(list.Items, level);
                break;
            case TupleValue tuple:
                AppendItems(tuple.Items, level);
                break;
            case DictValue dict:
                AppendDict(dict, level);
                break;
            default:
                throw new TemplateException($"a value of type '{value.TypeName}' cannot be written as JSON.");
        }

        budget.Leave();
    }

    private void Append(string text)
    {
        budget.Charge(text.Length);
        _text.Append(text);
    }

    private static string Real(double number) => double.IsFinite(number) ? Numbers.Text(number)
        : double.IsNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";

    private void AppendItems(IReadOnlyList<Value> items, int level)
    {
        Append("[");
        for (var i = 0; i < items.Count; i++)
        {
            AppendBreak(i == 0, level + 1);
            Append(items[i], level + 1);
        }

        if (items.Count > 0)
            AppendLine(level);
        Append("]");
    }

    private void AppendDict(DictValue dict, int level)
    {
        Append("{");
        IEnumerable<KeyValuePair<Value, Value>> pairs = dict.Items;
        if (sortKeys)
            pairs = Ordering.Of([.. dict.Items.Keys], comparer).Select(dict.Items.GetAt);
        var first = true;
        foreach (var (key, value) in pairs)
        {
            AppendBreak(first, level + 1);
            first = false;
            AppendQuoted(key switch
            {
                TextValue text => text.Text,
                NoneValue => "null",
                BoolValue b => b.IsTrue ? "true" : "false",
                IntValue i => Numbers.Text(i.Number, budget),
                FloatValue f => Real(f.Number),
                _ => throw new TemplateException($"a key of type '{key.TypeName}' cannot be written as JSON."),
            });
            Append(keySeparator);
            Append(value, level + 1);
        }

        if (!first)
            AppendLine(level);
        Append("}");
    }

    private void AppendBreak(bool first, int level)
    {
        if (!first)
            Append(itemSeparator);
        AppendLine(level);
    }

    private void AppendLine(int level)
    {
        if (indent is null)
            return;
        Append("\n");
        for (; level > 0; level--)
            Append(indent);
    }

    private void AppendQuoted(string text)
    {
        var length = _text.Length;
        budget.Charge(text.Length);
        _text.Append('"');
        foreach (var c in text)
            _ = c switch
            {
                '"' or '\\' => _text.Append('\\').Append(c),
                '\n' => _text.Append(@"\n"),
                '\r' => _text.Append(@"\r"),
                '\t' => _text.Append(@"\t"),
                '\f' => _text.Append(@"\f"),
                '\b' => _text.Append(@"\b"),
                < ' ' => _text.Append($"\\u{(int)c:x4}"),
                > '~' when ascii => _text.Append($"\\u{(int)c:x4}"),
                _ => _text.Append(c),
            };
        _text.Append('"');
        budget.Charge(_text.Length - length - text.Length);
    }
}
