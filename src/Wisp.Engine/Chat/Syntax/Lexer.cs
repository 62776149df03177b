using Wisp.Chat.Values;

namespace Wisp.Chat.Syntax;

/// <summary>
/// Cuts a template into tokens, with the settings under which chat templates are written: trim_blocks (the line end
/// after a tag goes), lstrip_blocks (blanks before a tag that begins its line go), and one line end at the very end
/// goes. '-' at a tag takes all white space on that side, '+' leaves it alone.
/// </summary>
internal sealed class Lexer
{
    private static readonly string[] s_operators =
    [
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=",
        ".", ":", "|", ",", ";",
    ];

    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private readonly Stack<char> _open = [];
    private int _at;
    private int _line = 1;
    private bool _lineStarts = true; // whether what was read last ended a line

    private Lexer(string source)
    {
        source = source.Replace("\r\n", "\n").Replace('\r', '\n');
        _source = source.EndsWith('\n') ? source[..^1] : source;
    }

    public static List<Token> Read(string source)
    {
        var lexer = new Lexer(source);
        while (lexer._at < lexer._source.Length)
            lexer.ReadText();
        lexer.Add(TokenKind.End, "");
        return lexer._tokens;
    }

    private char Peek(int ahead = 0) => _at + ahead < _source.Length ? _source[_at + ahead] : '\0';

    private bool Follows(string text) => string.CompareOrdinal(_source, _at, text, 0, text.Length) == 0;

    private void Add(TokenKind kind, string value) => _tokens.Add(new Token(_line, kind, value));

    private TemplateException Fault(string message) => new(message, _line);

    // Moves on, counting lines.
    private string Take(int length)
    {
        var taken = _source.Substring(_at, length);
        _line += taken.AsSpan().Count('\n');
        _at += length;
        if (length > 0)
            _lineStarts = taken[^1] == '\n';
        return taken;
    }

    private int SpaceLength(int from)
    {
        var to = from;
        while (to < _source.Length && Characters.IsSpace(_source[to]))
            to++;
        return to - from;
    }

    private void ReadText()
    {
        var begin = _at;
        while ((begin = _source.IndexOf('{', begin)) >= 0 && begin + 1 < _source.Length &&
            _source[begin + 1] is not ('%' or '{' or '#'))
            begin++;
        if (begin < 0 || begin + 1 >= _source.Length)
        {
            Add(TokenKind.Text, _source[_at..]);
            Take(_source.Length - _at);
            return;
        }

        var kind = _source[begin + 1];
        var sign = begin + 2 < _source.Length && _source[begin + 2] is '-' or '+' ? _source[begin + 2] : '\0';
        AddText(begin, sign, strips: kind != '{');
        var raw = kind == '%' ? RawLength(sign) : 0;
        if (raw > 0)
        {
            Take(raw);
            ReadRaw();
            return;
        }

        Take(sign == '\0' ? 2 : 3);
        if (kind == '#')
            SkipComment();
        else
            ReadCode(kind);
    }

    // The text before a tag at `end`, less what the tag takes off it.
    private void AddText(int end, char sign, bool strips)
    {
        var text = _source.AsSpan(_at, end - _at);
        if (sign == '-')
            text = Characters.TrimEnd(text);
        else if (sign != '+' && strips)
        {
            var line = text.LastIndexOf('\n') + 1;
            if ((line > 0 || _lineStarts) && Characters.IsSpace(text[line..]))
                text = text[..line];
        }

        if (text.Length > 0)
            Add(TokenKind.Text, text.ToString());
        Take(end - _at);
    }

    // Of '{% raw %}' at this place with all that belongs to it, else 0.
    private int RawLength(char sign)
    {
        var at = _at + (sign == '\0' ? 2 : 3);
        at += SpaceLength(at);
        if (string.CompareOrdinal(_source, at, "raw", 0, 3) != 0)
            return 0;
        at += 3;
        at += SpaceLength(at);
        if (string.CompareOrdinal(_source, at, "-%}", 0, 3) == 0)
            return at + 3 + SpaceLength(at + 3) - _at;
        return string.CompareOrdinal(_source, at, "%}", 0, 2) == 0 ? at + 2 - _at : 0;
    }

    private void ReadRaw()
    {
        for (var begin = _at; (begin = _source.IndexOf("{%", begin, StringComparison.Ordinal)) >= 0; begin++)
        {
            var at = begin + 2;
            var sign = at < _source.Length && _source[at] is '-' or '+' ? _source[at++] : '\0';
            at += SpaceLength(at);
            if (string.CompareOrdinal(_source, at, "endraw", 0, 6) != 0)
                continue;
            at += 6;
            at += SpaceLength(at);
            var end = EndLength(at, "%}");
            if (end == 0)
                continue;
            AddText(begin, sign, strips: true);
            Take(at + end - begin);
            return;
        }

        throw Fault("'{% raw %}' has no '{% endraw %}'.");
    }

    private void SkipComment()
    {
        var end = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0)
            throw Fault("the comment has no end '#}'.");
        if (end > _at && _source[end - 1] is '-' or '+')
            end--;
        Take(end - _at);
        Take(EndLength(_at, "#}"));
    }

    // Of the end of a tag or comment, with the sign before it and the space it takes; 0 where there is none.
    private int EndLength(int at, string end)
    {
        bool Has(string text) => string.CompareOrdinal(_source, at, text, 0, text.Length) == 0;

        if (Has("-" + end))
            return 3 + SpaceLength(at + 3);
        if (Has("+" + end))
            return 3;
        if (!Has(end))
            return 0;
        return at + 2 < _source.Length && _source[at + 2] == '\n' ? 3 : 2;
    }

    private void ReadCode(char kind)
    {
        var output = kind == '{';
        Add(output ? TokenKind.OutputBegin : TokenKind.TagBegin, "");
        _open.Clear();
        while (true)
        {
            if (_at >= _source.Length)
                return; // the parser says what is missing
            if (_open.Count == 0 && (output ? OutputEndLength() : EndLength(_at, "%}")) is > 0 and var end)
            {
                Add(output ? TokenKind.OutputEnd : TokenKind.TagEnd, "");
                Take(end);
                return;
            }

            if (SpaceLength(_at) is > 0 and var space)
                Take(space);
            else
                ReadToken();
        }
    }

    private int OutputEndLength() =>
        Follows("-}}") ? 3 + SpaceLength(_at + 3) : Follows("}}") ? 2 : 0;

    private void ReadToken()
    {
        var c = Peek();
        if (char.IsAsciiDigit(c))
            ReadNumber();
        else if (c is '\'' or '"')
            ReadString(c);
        else if (Characters.IsWord(c))
            ReadName();
        else
            ReadOperator();
    }

    private void ReadName()
    {
        var length = 0;
        while (Characters.IsWord(Peek(length)))
            length++;
        var line = _line;
        _tokens.Add(new Token(line, TokenKind.Name, Take(length)));
    }

    private void ReadOperator()
    {
        foreach (var op in s_operators)
        {
            if (!Follows(op))
                continue;
            if (op is "(" or "[" or "{")
                _open.Push(op == "(" ? ')' : op == "[" ? ']' : '}');
            else if (op is ")" or "]" or "}")
            {
                if (_open.Count == 0)
                    throw Fault($"unexpected '{op}'.");
                if (_open.Pop() is var expected && expected != op[0])
                    throw Fault($"unexpected '{op}', expected '{expected}'.");
            }

            Add(TokenKind.Operator, op);
            Take(op.Length);
            return;
        }

        throw Fault($"unexpected character {Printer.Quoted(char.IsSurrogate(Peek()) ? "?" : Peek().ToString())}.");
    }

    // Digits with single underscores between them; the length, from an offset.
    private int Digits(int from, Func<char, bool> isDigit)
    {
        var length = 0;
        while (isDigit(Peek(from + length)) || length > 0 && Peek(from + length) == '_' &&
            isDigit(Peek(from + length + 1)))
            length++;
        return length;
    }

    private void ReadNumber()
    {
        var whole = Digits(0, char.IsAsciiDigit);
        // After a dot digits are an index: a.0.1 is (a.0).1.
        var afterDot = _at > 0 && _source[_at - 1] == '.';
        var length = whole;
        if (!afterDot)
        {
            if (Peek(length) == '.' && Digits(length + 1, char.IsAsciiDigit) is > 0 and var fraction)
                length += 1 + fraction;
            var exponent = length + (Peek(length) is 'e' or 'E' ? Peek(length + 1) is '+' or '-' ? 2 : 1 : 0);
            if (exponent > length && Digits(exponent, char.IsAsciiDigit) is > 0 and var power)
                length = exponent + power;
        }

        if (length > whole)
        {
            Add(TokenKind.Float, _source.Substring(_at, length).Replace("_", ""));
            Take(length);
            return;
        }

        Func<char, bool>? isDigit = Peek() != '0' ? null : char.ToLowerInvariant(Peek(1)) switch
        {
            'x' => char.IsAsciiHexDigit,
            'o' => c => c is >= '0' and <= '7',
            'b' => c => c is '0' or '1',
            _ => null,
        };
        if (isDigit is not null)
        {
            var start = Peek(2) == '_' ? 3 : 2;
            if (Digits(start, isDigit) is > 0 and var based)
                length = start + based;
        }
        else if (Peek() == '0')
            length = Digits(0, c => c == '0'); // 007 is no number

        Add(TokenKind.Integer, _source.Substring(_at, length).Replace("_", ""));
        Take(length);
    }

    private void ReadString(char quote)
    {
        var end = _at + 1;
        while (end < _source.Length && _source[end] != quote)
            end += _source[end] == '\\' ? 2 : 1;
        if (end >= _source.Length)
            throw Fault("the string has no end.");
        var line = _line;
        var body = Take(end + 1 - _at)[1..^1];
        _tokens.Add(new Token(line, TokenKind.String, body.Contains('\\') ? Escapes.Decode(body, line) : body));
    }
}
