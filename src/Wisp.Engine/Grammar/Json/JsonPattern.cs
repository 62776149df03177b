using System.Text;

namespace Wisp.Grammar;

/// <summary>
/// The content of a JSON string that matches a regular expression of JSON Schema's "pattern" (ECMA-262 with the u
/// flag), for those expressions that are regular: no look-around, no references back, anchors only at the ends.
/// </summary>
/// <remarks>
/// A pattern without anchors matches anywhere, so any text may stand around it. Characters that JSON escapes are
/// written by their short escape; control characters that have none are left out.
/// </remarks>
internal sealed class JsonPattern(string pattern, Func<string, Exception> fault)
{
    private const int MaxGroups = 50;
    private const int MaxLength = 10_000;

    // Engines differ on whether a character beyond U+FFFF is one or two: only those that are spelled out are given.
    private static readonly CharClass s_any = new([(0, 0xFFFF)]);

    private static readonly CharClass s_digit = new([('0', '9')]);
    private static readonly CharClass s_word = new([('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]);
    // Engines differ on white space beyond ASCII: \s gives none of it, and what \S gives is none of it.
    private static readonly CharClass s_space = new([(9, 13), (' ', ' ')]);
    private static readonly CharClass s_allSpace = new([
        (9, 13), (' ', ' '), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
        (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)]);
    private static readonly CharClass s_lineEnd = new([('\n', '\n'), ('\r', '\r'), (0x2028, 0x2029)]);

    private static readonly (char Character, string Escape)[] s_escapes =
        [('"', "\\\""), ('\\', "\\\\"), ('\n', "\\n"), ('\r', "\\r"), ('\t', "\\t"), ('\b', "\\b"), ('\f', "\\f")];

    private int _at, _groups;
    private long _terms;

    /// <param name="any">Any character of a string, for what may stand around a pattern without anchors.</param>
    public Term Content(Term any)
    {
        if (pattern.Length > MaxLength)
            throw Fault($"has {pattern.Length} characters; at most {MaxLength} are taken");
        var options = new List<Term>();
        do
        {
            // Anchors belong to the alternative that they stand in.
            var before = Take('^') ? Term.Empty : Term.Times(any, 0);
            var inner = Sequence();
            var after = Take('$') ? Term.Empty : Term.Times(any, 0);
            options.Add(Term.Of(before, inner, after));
        }
        while (Take('|'));

        return _at == pattern.Length
            ? Term.Either([.. options])
            : throw Fault($"has {Shown()} at character {_at + 1}, where it is not understood; anchors may only stand " +
                "at the ends of the pattern");
    }

    private Term Alternatives()
    {
        var options = new List<Term> { Sequence() };
        while (Take('|'))
            options.Add(Sequence());
        return Term.Either([.. options]);
    }

    private Term Sequence()
    {
        var items = new List<Term>();
        while (_at < pattern.Length && pattern[_at] is not ('|' or ')' or '$' or '^'))
        {
            var item = Item();
            var quantifiers = 0;
            while (TryQuantifier(out var min, out var max))
            {
                if (++quantifiers > 1)
                    throw Fault($"repeats a repetition at character {_at}; put a group around the first");
                item = Term.Times(item, min, max);
            }

            items.Add(item);
            GrammarRules.CheckSize(++_terms);
        }

        return Term.Of([.. items]);
    }

    private Term Item()
    {
        switch (pattern[_at])
        {
            case '(':
                return Group();
            case '[':
                _at++;
                return InString(Class());
            case '.':
                _at++;
                return InString(s_any.Except(s_lineEnd));
            case '*' or '+' or '?' or '{' or '}' or ']':
                throw Fault($"has {Shown()} at character {_at + 1}, where it is not understood; \\{pattern[_at]} " +
                    "stands for the character");
            default:
                return InString(pattern[_at] == '\\' ? Escape(inClass: false) : CharClass.Of(Character()));
        }
    }

    private Term Group()
    {
        var start = _at++;
        if (++_groups > MaxGroups)
            throw Fault($"nests more than {MaxGroups} groups");
        if (Take('?'))
        {
            var named = pattern.AsSpan(_at) is ['<', not ('=' or '!'), ..];
            var nameEnd = named ? pattern.IndexOf('>', _at) : -1;
            if (nameEnd > 0)
                _at = nameEnd + 1;
            else if (!Take(':'))
                throw Fault($"has a group (?{(_at < pattern.Length ? pattern[_at] : ' ')} at character {start + 1}; " +
                    "look-around and flags cannot be turned into a grammar");
        }

        var inner = Alternatives();
        if (!Take(')'))
        {
            throw Fault(_at < pattern.Length
                ? $"has {Shown()} inside a group; anchors may only stand at the ends of the pattern"
                : $"has no ')' for the '(' at character {start + 1}");
        }

        _groups--;
        return inner;
    }

    private bool TryQuantifier(out int min, out int max)
    {
        (min, max) = (0, Term.NoEnd);
        if (_at == pattern.Length)
            return false;
        switch (pattern[_at])
        {
            case '*':
                break;
            case '+':
                min = 1;
                break;
            case '?':
                max = 1;
                break;
            case '{':
                var end = pattern.IndexOf('}', _at);
                var parts = end < 0 ? [] : pattern[(_at + 1)..end].Split(',');
                if (parts.Length is not (1 or 2) || !Parse(parts[0], out min)
                    || parts is [_, not ""] && !Parse(parts[1], out max))
                {
                    throw Fault($"has a repetition at character {_at + 1} that is not {{m}}, {{m,}} or {{m,n}} with " +
                        $"numbers up to {GrammarRules.MaxTerms}");
                }

                if (parts.Length == 1)
                    max = min;
                if (max < min)
                    throw Fault($"repeats at least {min} and at most {max} times, which cannot be");
                _at = end;
                break;
            default:
                return false;
        }

        _at++;
        Take('?'); // lazy: the same texts match
        return true;

        static bool Parse(string digits, out int value) =>
            int.TryParse(digits, System.Globalization.NumberStyles.None, null, out value)
            && value <= GrammarRules.MaxTerms;
    }

    private CharClass Class()
    {
        var negated = Take('^');
        var ranges = new List<(int, int)>();
        while (!Take(']'))
        {
            if (_at == pattern.Length)
                throw Fault("has a '[' without ']'");
            var first = ClassItem(negated);
            if (_at + 1 < pattern.Length && pattern[_at] == '-' && pattern[_at + 1] != ']')
            {
                _at++;
                var last = ClassItem(negated);
                if (Single(first) is not { } from || Single(last) is not { } to || to < from)
                    throw Fault($"has a range before character {_at + 1} that runs backwards or between classes");
                ranges.Add((from, to));
            }
            else
            {
                ranges.AddRange(first.Positive());
            }
        }

        return negated ? s_any.Except(new CharClass(ranges)) : new CharClass(ranges);
    }

    private CharClass ClassItem(bool inNegated)
    {
        if (_at == pattern.Length)
            throw Fault("has a '[' without ']'");
        return pattern[_at] == '\\' ? Escape(inClass: true, inNegated) : CharClass.Of(Character());
    }

    private static int? Single(CharClass characters) =>
        characters is { Negated: false, Ranges: [var only] } && only.First == only.Last ? only.First : null;

    private CharClass Escape(bool inClass, bool inNegated = false)
    {
        // Engines differ on letters and digits beyond ASCII, so \W and \D give none of them either.
        CharClass Others(CharClass characters) => inNegated
            ? s_any.Except(characters)
            : new CharClass([(0, 0x7F)]).Except(characters);
        var start = _at;
        _at += 2;
        var c = start + 1 < pattern.Length ? pattern[start + 1] : '\0';
        return c switch
        {
            'd' => s_digit,
            'D' => Others(s_digit),
            'w' => s_word,
            'W' => Others(s_word),
            's' => inNegated ? s_allSpace : s_space,
            'S' => s_any.Except(s_allSpace),
            't' => CharClass.Of('\t'),
            'n' => CharClass.Of('\n'),
            'r' => CharClass.Of('\r'),
            'f' => CharClass.Of('\f'),
            'v' => CharClass.Of('\v'),
            'b' when inClass => CharClass.Of('\b'),
            'x' => CharClass.Of(Hex(2)),
            'u' => CharClass.Of(Hex(4)),
            _ when char.IsAscii(c) && (char.IsPunctuation(c) || char.IsSymbol(c)) => CharClass.Of(c),
            _ => throw Fault($"has the escape '\\{(char.IsControl(c) ? ' ' : c)}' at character {start + 1}, which " +
                "cannot be turned into a grammar"),
        };
    }

    private int Hex(int digits)
    {
        if (_at + digits > pattern.Length || !int.TryParse(pattern.AsSpan(_at, digits),
            System.Globalization.NumberStyles.AllowHexSpecifier, null, out var value)
            || value is >= 0xD800 and <= 0xDFFF)
            throw Fault($"has an escape at character {_at - 1} that is no character of {digits} hexadecimal digits");
        _at += digits;
        return value;
    }

    private int Character()
    {
        if (Rune.DecodeFromUtf16(pattern.AsSpan(_at), out var rune, out var width) != 0)
            throw Fault("has half of a surrogate pair");
        _at += width;
        return rune.Value;
    }

    private static Term InString(CharClass characters)
    {
        var ways = new List<Term>();
        var plain = characters.Except(new CharClass(JsonText.Plain.Ranges.ToArray())); // Plain names what it leaves out
        if (!plain.IsEmpty)
            ways.Add(Term.Chars(plain));
        foreach (var (character, escape) in s_escapes)
            if (characters.Contains(character))
                ways.Add(Term.Literal(escape));
        return Term.Either([.. ways]);
    }

    private bool Take(char c)
    {
        if (_at == pattern.Length || pattern[_at] != c)
            return false;
        _at++;
        return true;
    }

    private string Shown() => char.IsControl(pattern[_at]) ? "a control character" : $"'{pattern[_at]}'";

    private Exception Fault(string what) => fault($"the pattern {what}");
}
