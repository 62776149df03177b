using System.Text;
using Wisp.Chat.Values;

namespace Wisp.Chat.Builtins;

/// <summary>
/// Values over several lines where one of 80 columns does not hold them, as Python's pprint writes them: one item a
/// line, keys in order, long texts in pieces.
/// </summary>
internal sealed class PrettyPrinter(Budget budget, ValueComparer comparer)
{
    private const int Width = 80;

    private readonly StringBuilder _text = new();

    public string Print(Value value)
    {
        Append(Sorted(value), indent: 0, allowance: 0, level: 1);
        return _text.ToString();
    }

    // Dicts with their keys in order; those whose keys have none stay as they are.
    private Value Sorted(Value value)
    {
        budget.Enter();
        budget.Charge(Budget.Item);
        switch (value)
        {
            case ListValue list:
                value = new ListValue([.. list.Items.Select(Sorted)]);
                break;
            case TupleValue tuple:
                value = new TupleValue([.. tuple.Items.Select(Sorted)]);
                break;
            case DictValue dict:
                var sorted = new DictValue(comparer);
                IReadOnlyList<Value> keys = [.. dict.Items.Keys];
                var comparable = keys.All(key => key is TextValue) || keys.All(Numbers.IsNumber);
                foreach (var i in comparable ? Ordering.Of(keys, comparer) : Enumerable.Range(0, keys.Count))
                    sorted.Set(keys[i], Sorted(dict.Items.GetAt(i).Value));
                value = sorted;
                break;
        }

        budget.Leave();
        return value;
    }

    /// <param name="allowance">Columns to leave free on the last line, for brackets that close.</param>
    private void Append(Value value, int indent, int allowance, int level)
    {
        budget.Enter();
        var repr = Printer.Repr(value, budget);
        if (Characters.Length(repr) <= Width - indent - allowance)
            _text.Append(repr);
        else
            switch (value)
            {
                case DictValue dict:
                    AppendDict(dict, indent, allowance + 1, level);
                    break;
                case ListValue list:
                    AppendItems('[', list.Items, "]", indent, allowance, level);
                    break;
                case TupleValue tuple:
                    AppendItems('(', tuple.Items, tuple.Items.Count == 1 ? ",)" : ")", indent, allowance, level);
                    break;
                case TextValue text:
                    AppendText(text.Text, repr, indent, allowance, level);
                    break;
                default:
                    _text.Append(repr);
                    break;
            }

        budget.Leave();
    }

    private void NewLine(int indent)
    {
        budget.Charge(indent);
        _text.Append('\n').Append(' ', indent);
    }

    private void AppendDict(DictValue dict, int indent, int allowance, int level)
    {
        _text.Append('{');
        for (var i = 0; i < dict.Items.Count; i++)
        {
            var (key, value) = dict.Items.GetAt(i);
            if (i > 0)
            {
                _text.Append(',');
                NewLine(indent + 1);
            }

            var name = Printer.Repr(key, budget);
            _text.Append(name).Append(": ");
            var column = indent + 1 + Characters.Length(name) + 2;
            Append(value, column, i == dict.Items.Count - 1 ? allowance : 1, level + 1);
        }

        _text.Append('}');
    }

    private void AppendItems(
        char open, IReadOnlyList<Value> items, string close, int indent, int allowance, int level)
    {
        _text.Append(open);
        for (var i = 0; i < items.Count; i++)
        {
            if (i > 0)
            {
                _text.Append(',');
                NewLine(indent + 1);
            }

            Append(items[i], indent + 1, i == items.Count - 1 ? allowance + close.Length : 1, level + 1);
        }

        _text.Append(close);
    }

    // Pieces end at line ends, or after blanks where a line is too long.
    private void AppendText(string text, string repr, int indent, int allowance, int level)
    {
        if (level == 1)
            (indent, allowance) = (indent + 1, allowance + 1);
        var pieces = new List<string>();
        var lines = Characters.Lines(text, keepEnds: true);
        for (var i = 0; i < lines.Count; i++)
        {
            var last = i == lines.Count - 1;
            budget.Charge(8L * lines[i].Length);
            var room = Width - indent - (last ? allowance : 0);
            if (Length(lines[i]) <= room)
            {
                pieces.Add(lines[i]);
                continue;
            }

            var piece = new StringBuilder();
            var length = 2; // the quotes
            foreach (var (word, final) in Words(lines[i]))
            {
                var size = Length(word) - 2;
                if (length + size > (last && final ? room : Width - indent) && piece.Length > 0)
                {
                    pieces.Add(piece.ToString());
                    piece.Clear();
                    length = 2;
                }

                piece.Append(word);
                length += size;
            }

            if (piece.Length > 0)
                pieces.Add(piece.ToString());
        }

        if (pieces.Count <= 1)
        {
            _text.Append(repr);
            return;
        }

        _text.Append(level == 1 ? "(" : "");
        for (var i = 0; i < pieces.Count; i++)
        {
            if (i > 0)
                NewLine(indent);
            _text.Append(Printer.Quoted(pieces[i]));
        }

        _text.Append(level == 1 ? ")" : "");
    }

    private static int Length(string text) => Characters.Length(Printer.Quoted(text));

    // Words with the blanks that follow them.
    private static IEnumerable<(string Word, bool Final)> Words(string line)
    {
        for (var at = 0; at < line.Length;)
        {
            var end = at;
            while (end < line.Length && !Characters.IsSpace(line[end]))
                end++;
            while (end < line.Length && Characters.IsSpace(line[end]))
                end++;
            yield return (line[at..end], end == line.Length);
            at = end;
        }
    }
}
