using System.Text;

namespace Wisp.Chat.Values;

/// <summary>Python's str.format: <c>'{} {0.name[key]!r:>10}'.format(...)</c>.</summary>
/// <param name="attribute">What <c>.name</c> in a field gives.</param>
/// <param name="item">What <c>[key]</c> in a field gives.</param>
internal sealed class BraceFormat(
    Arguments arguments, Func<Value, string, Value> attribute, Func<Value, Value, Value> item, Budget budget)
{
    private int _next;
    private bool _numbered;

    public string Apply(string format) => Apply(format, depth: 2);

    private string Apply(string format, int depth)
    {
        if (depth == 0)
            throw new TemplateException("fields within fields within fields are not supported.");
        budget.Charge(format.Length);
        var text = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] is not ('{' or '}'))
                text.Append(format[i]);
            else if (i + 1 < format.Length && format[i + 1] == format[i])
                text.Append(format[i++]);
            else if (format[i] == '}')
                throw new TemplateException("the format string has a single '}'.");
            else
            {
                var end = EndOfField(format, i + 1);
                text.Append(Field(format[(i + 1)..end], depth));
                i = end;
            }
        }

        return text.ToString();
    }

    private static int EndOfField(string format, int at)
    {
        for (var depth = 1; at < format.Length; at++)
        {
            depth += format[at] == '{' ? 1 : format[at] == '}' ? -1 : 0;
            if (depth == 0)
                return at;
        }

        throw new TemplateException("the format string has a '{' without its '}'.");
    }

    private string Field(string field, int depth)
    {
        // The name ends at the first '!' or ':' outside of brackets.
        var end = 0;
        for (var brackets = 0; end < field.Length && (brackets > 0 || field[end] is not ('!' or ':')); end++)
            brackets = field[end] == '[' ? 1 : field[end] == ']' ? 0 : brackets;
        var value = Lookup(field[..end]);
        var rest = field[end..];
        if (rest.StartsWith('!'))
        {
            if (rest.Length < 2 || rest.Length > 2 && rest[2] != ':' || rest[1] is not ('r' or 's' or 'a'))
                throw new TemplateException("after '!' the format string may say r, s or a.");
            value = rest[1] == 's' ? Printer.Text(value, budget) : Printer.Repr(value, budget, rest[1] == 'a');
            rest = rest[2..];
        }

        var specification = rest.Length > 0 ? Apply(rest[1..], depth - 1) : "";
        var text = Format(value, specification, budget);
        budget.Charge(text.Length);
        return text;
    }

    private Value Lookup(string name)
    {
        var end = name.AsSpan().IndexOfAny('.', '[') is >= 0 and var at ? at : name.Length;
        var value = First(name[..end]);
        while (end < name.Length)
        {
            if (name[end] == '[')
            {
                var close = name.IndexOf(']', end);
                if (close <= end + 1)
                    throw new TemplateException("the format string has an empty or open '['.");
                var key = name[(end + 1)..close];
                value = item(value, key.Length < 10 && key.All(char.IsAsciiDigit) ? int.Parse(key) : (Value)key);
                end = close + 1;
            }
            else if (name[end] == '.')
            {
                var length = name.AsSpan(end + 1).IndexOfAny('.', '[');
                var next = length < 0 ? name.Length : end + 1 + length;
                value = attribute(value, name[(end + 1)..next]);
                end = next;
            }
            else
                throw new TemplateException("only '.' or '[' may follow ']' in a format field.");
        }

        return value;
    }

    private Value First(string name)
    {
        var automatic = name.Length == 0;
        if (automatic || name.All(char.IsAsciiDigit))
        {
            if (automatic ? _numbered : _next > 0)
                throw new TemplateException("the format string mixes numbered fields with others.");
            _numbered |= !automatic;
            var index = automatic ? _next++ : name.Length < 9 ? int.Parse(name) : int.MaxValue;
            return index < arguments.Positional.Count ? arguments.Positional[index]
                : throw new TemplateException($"the format string needs argument {index}, and there are " +
                    $"{arguments.Positional.Count}.");
        }

        foreach (var (key, value) in arguments.Named)
            if (key == name)
                return value;
        throw new TemplateException($"the format string needs argument {Printer.Quoted(name)}.");
    }

    /// <summary>
    /// As format(value, specification): fill, alignment, sign, #, 0, width, grouping, precision, type.
    /// </summary>
    internal static string Format(Value value, string specification, Budget budget)
    {
        if (specification.Length == 0)
            return Printer.Text(value, budget);
        var points = Characters.Points(specification);
        var at = 0;
        int Peek(int ahead = 0) => at + ahead < points.Length ? points[at + ahead] : 0;
        bool Skip(char c) => Peek() == c && ++at > 0;

        var (fill, align) = ((int)' ', '\0');
        if (Peek(1) is '<' or '>' or '=' or '^')
            (fill, align, at) = (Peek(), (char)Peek(1), 2);
        else if (Peek() is '<' or '>' or '=' or '^')
            (align, at) = ((char)Peek(), 1);
        var sign = Peek() is '+' or '-' or ' ' ? (char)points[at++] : '\0';
        Skip('z');
        var alternate = Skip('#');
        if (Skip('0') && align == '\0')
            (fill, align) = ('0', '=');
        var width = Number() ?? 0;
        var grouping = Peek() is ',' or '_' ? (char)points[at++] : '\0';
        int? precision = null;
        if (Skip('.'))
            precision = Number() ?? throw new TemplateException("the format specification has no precision after '.'.");
        var type = at < points.Length ? (char)points[at++] : '\0';
        if (at < points.Length)
            throw new TemplateException($"the format specification {Printer.Quoted(specification)} is invalid.");
        var format = new NumberFormat(type, sign == '\0' ? '-' : sign, alternate, precision, grouping);
        budget.Charge(format.Cost(value));
        var (prefix, body) = Parts(value, format, specification);

        var room = Math.Max(0, width - prefix.Length - Characters.Length(body));
        budget.Charge(2L * room);
        align = align != '\0' ? align : value is TextValue ? '<' : '>';
        if (align == '=' && value is TextValue)
            throw new TemplateException("'=' in a format specification is for numbers.");
        var before = align == '>' || align == '=' ? room : align == '^' ? room / 2 : 0;
        var text = new StringBuilder(align == '=' ? prefix : "");
        Fill(before);
        text.Append(align == '=' ? "" : prefix).Append(body);
        Fill(room - before);
        return text.ToString();

        int? Number()
        {
            if (Peek() is < '0' or > '9')
                return null;
            var number = 0L;
            for (; Peek() is >= '0' and <= '9'; at++)
                number = Math.Min(number * 10 + Peek() - '0', Budget.Basic + 1);
            return number <= Budget.Basic ? (int)number
                : throw new TemplateException("a width in the format specification is too large.");
        }

        void Fill(int count)
        {
            for (; count > 0; count--)
                Characters.Append(text, fill);
        }
    }

    private static (string Prefix, string Body) Parts(Value value, NumberFormat format, string specification)
    {
        var wrong = new TemplateException(
            $"the format specification {Printer.Quoted(specification)} does not fit a '{value.TypeName}'.");
        if (value is TextValue { Text: var text })
        {
            if (format.Type is not ('s' or '\0') || format.Alternate || format.Sign != '-' || format.Grouping != '\0')
                throw wrong;
            return ("", format.Precision < Characters.Length(text)
                ? text[..Characters.Offset(text, format.Precision.Value)] : text);
        }

        var real = format.Type is 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or '%';
        if (value is BoolValue && format.Type == '\0')
            format = format with { Type = 'd' };
        if (format.Precision > NumberFormat.MaxPrecision)
            throw new TemplateException($"a precision of {format.Precision} is too large.");
        if (!real && Numbers.TryInteger(value, out var whole))
        {
            if (format.Precision is not null ||
                format.Type is not ('b' or 'c' or 'd' or 'n' or 'o' or 'x' or 'X' or '\0'))
                throw wrong;
            if (format.Type == 'c')
                return whole >= 0 && whole <= 0x10FFFF ? ("", Characters.Join([(int)whole])) : throw wrong;
            return format.Of(whole);
        }

        if (!Numbers.IsNumber(value) || !real && format.Type is not ('n' or '\0'))
            throw wrong;
        return format.Of(Numbers.ToDouble(value));
    }
}
