using System.Numerics;
using System.Text;

namespace Wisp.Chat.Values;

/// <summary>Python's printf-like formatting: <c>'%s has %d' % (name, count)</c>, <c>'%(name)s' % {...}</c>.</summary>
internal sealed class PercentFormat
{
    private readonly string _format;
    private readonly Value _arguments;
    private readonly IReadOnlyList<Value> _items;
    private readonly Budget _budget;
    private readonly StringBuilder _text = new();
    private int _at;
    private int _used;

    private PercentFormat(string format, Value arguments, Budget budget)
    {
        (_format, _arguments, _budget) = (format, arguments, budget);
        _items = arguments is TupleValue tuple ? tuple.Items : [arguments];
    }

    public static string Apply(string format, Value arguments, Budget budget)
    {
        budget.Charge(format.Length);
        return new PercentFormat(format, arguments, budget).Run();
    }

    private string Run()
    {
        while (_at < _format.Length)
        {
            var next = _format.IndexOf('%', _at);
            next = next < 0 ? _format.Length : next;
            _text.Append(_format, _at, next - _at);
            _at = next + 1;
            if (next < _format.Length)
                Convert();
        }

        // What has items may hold more than the format speaks of; a tuple, a text or a number may not.
        if (_used < _items.Count && _arguments is not (DictValue or ListValue or RangeValue or UndefinedValue))
            throw new TemplateException("not all arguments were used by the format string.");
        return _text.ToString();
    }

    private char Peek() => _at < _format.Length ? _format[_at]
        : throw new TemplateException("the format string ends within a conversion.");

    private Value Take() => _used < _items.Count ? _items[_used++]
        : throw new TemplateException("the format string needs more arguments than there are.");

    private void Convert()
    {
        Value? value = null;
        if (Peek() == '(')
        {
            var (start, depth) = (++_at, 1);
            for (; depth > 0; _at++)
                depth += Peek() == '(' ? 1 : Peek() == ')' ? -1 : 0;
            var key = _format[start..(_at - 1)];
            if (_arguments is not DictValue dict)
                throw new TemplateException("the format string names a value, so it needs a dict.");
            value = dict.Find(key) ??
                throw new TemplateException($"the format string needs key {Printer.Quoted(key)}.");
            _used = _items.Count;
        }

        bool left = false, zero = false, alternate = false;
        var sign = '-';
        for (; Peek() is '-' or '+' or ' ' or '#' or '0'; _at++)
        {
            left |= Peek() == '-';
            zero |= Peek() == '0';
            alternate |= Peek() == '#';
            sign = Peek() == '+' || Peek() == ' ' && sign != '+' ? Peek() : sign;
        }

        var width = Count(NumberOrStar);
        left |= width < 0;
        int? precision = null;
        if (Peek() == '.')
        {
            _at++;
            precision = Math.Max(0, Count(NumberOrStar));
        }

        while (Peek() is 'h' or 'l' or 'L')
            _at++;
        var type = Peek();
        _at++;
        if (type == '%')
        {
            _text.Append('%');
            return;
        }

        value ??= Take();
        Append(type, value, new NumberFormat(type, sign, alternate, precision, '\0'), Math.Abs(width), left, zero);
    }

    private static int Count(Func<long> read)
    {
        var count = read();
        return Math.Abs(count) <= Budget.Basic ? (int)count
            : throw new TemplateException("a width in the format string is too large.");
    }

    private long NumberOrStar()
    {
        if (Peek() == '*')
        {
            _at++;
            return Numbers.TryInteger(Take(), out var given)
                ? (long)BigInteger.Max(-(1L << 40), BigInteger.Min(1L << 40, given))
                : throw new TemplateException("'*' in the format string needs a whole number.");
        }

        var number = 0L;
        for (; char.IsAsciiDigit(Peek()); _at++)
            number = Math.Min(number * 10 + Peek() - '0', 1L << 40);
        return number;
    }

    private void Append(char type, Value value, NumberFormat format, int width, bool left, bool zero)
    {
        _budget.Charge(format.Cost(value));
        string prefix = "", body;
        switch (type)
        {
            case 's' or 'r' or 'a':
                body = type == 's' ? Printer.Text(value, _budget) : Printer.Repr(value, _budget, ascii: type == 'a');
                if (format.Precision < Characters.Length(body))
                    body = body[..Characters.Offset(body, format.Precision.Value)];
                zero = false;
                break;
            case 'c':
                body = value is TextValue { Text: var text } && Characters.Length(text) == 1 ? text
                    : Numbers.TryInteger(value, out var point) && point >= 0 && point <= 0x10FFFF
                    ? Characters.Join([(int)point])
                    : throw new TemplateException("%c needs a character or its number.");
                zero = false;
                break;
            case 'd' or 'i' or 'u' or 'x' or 'X' or 'o':
                (prefix, body) = Whole(type, value, format);
                break;
            case 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                if (format.Precision > NumberFormat.MaxPrecision)
                    throw new TemplateException($"a precision of {format.Precision} is too large.");
                (prefix, body) = format.Of(Numbers.ToDouble(value));
                zero &= double.IsFinite(Numbers.ToDouble(value));
                break;
            default:
                throw new TemplateException(
                    $"the format string has an unknown conversion {Printer.Quoted("%" + type)}.");
        }

        var room = Math.Max(0, width - prefix.Length - Characters.Length(body));
        _budget.Charge((long)prefix.Length + body.Length + room);
        if (left)
            _text.Append(prefix).Append(body).Append(' ', room);
        else if (zero)
            _text.Append(prefix).Append('0', room).Append(body);
        else
            _text.Append(' ', room).Append(prefix).Append(body);
    }

    private (string Prefix, string Body) Whole(char type, Value value, NumberFormat format)
    {
        if (value is FloatValue { Number: var real } && double.IsFinite(real) && type is 'd' or 'i' or 'u')
            value = new IntValue(new BigInteger(Math.Truncate(real)));
        if (!Numbers.TryInteger(value, out var number))
            throw new TemplateException($"%{type} needs a number, not '{value.TypeName}'.");
        var (prefix, body) = format.Of(number);
        if (format.Precision > body.Length)
        {
            _budget.Charge(format.Precision.Value);
            body = body.PadLeft(format.Precision.Value, '0');
        }

        return (prefix, body);
    }
}
