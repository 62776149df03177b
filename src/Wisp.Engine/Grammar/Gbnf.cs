using System.Text;

namespace Wisp.Grammar;

/// <summary>
/// Reads GBNF, the grammar notation of llama.cpp: <c>name ::= alternatives</c>, one rule a line, beginning at
/// <c>root</c>.
/// </summary>
/// <remarks>
/// <code>
/// "text"  [a-z]  [^a-z]  .          characters; escapes \n \r \t \\ \" \[ \] \- \xHH \uHHHH \UHHHHHHHH
/// name  ( ... )  a | b              rules, groups, alternatives, of which one may be empty
/// ?  *  +  {m}  {m,}  {m,n}         repetitions of what stands before
/// &lt;name&gt;  &lt;[id]&gt;  !&lt;[id]&gt;         one token, or any other one
/// # ...                             a comment
/// </code>
/// A rule goes on in the next line inside a group and after <c>|</c> or <c>::=</c>. What llama.cpp refuses is refused,
/// so that a file that loads here loads there; besides: a rule that is defined twice, an empty class, a range that runs
/// backwards, a repetition of over 2,000 and {4,2}.
/// </remarks>
public static class Gbnf
{
    /// <summary>Characters of a text: forty times the largest grammar among llama.cpp's examples.</summary>
    public const int MaxCharacters = 1 << 20;

    /// <param name="name">What messages call the grammar, such as its file.</param>
    /// <param name="idOfToken">The id of a token by its spelling, or -1; needed for <c>&lt;name&gt;</c> only.</param>
    /// <exception cref="InvalidDataException">With line and column of the first fault.</exception>
    public static CompiledGrammar Compile(
        string text, string name = "the grammar", Func<string, int>? idOfToken = null) =>
        new(Read(text, name, idOfToken), name);

    internal static GrammarRules Read(string text, string name, Func<string, int>? idOfToken)
    {
        if (text.Length > MaxCharacters)
        {
            throw new InvalidDataException(
                $"{name} has {text.Length} characters; a grammar may have {MaxCharacters}.");
        }

        return new Reader(text, name, idOfToken).Rules();
    }

    private sealed class Reader(string text, string name, Func<string, int>? idOfToken)
    {
        // llama.cpp expands repetitions and refuses those that come to more.
        private const int MaxRepetitions = 2000;
        private const int MaxGroups = 100;

        private readonly GrammarRules _rules = new();
        private readonly Dictionary<string, int> _indexOf = [];
        private readonly Dictionary<int, int> _firstUse = []; // rule to place
        private readonly List<(Term Body, int At)> _endless = [];
        private int _at, _groups;
        private long _symbols, _terms;

        public GrammarRules Rules()
        {
            RuleOf("root", 0);
            Space(lines: true);
            while (_at < text.Length)
                Rule();
            if (!_rules.IsDefined(0))
            {
                throw new InvalidDataException(
                    $"{name} has no rule 'root', at which a text begins. Add one: root ::= ...");
            }

            for (var rule = 0; rule < _rules.Count; rule++)
                if (!_rules.IsDefined(rule))
                    throw Fault($"rule '{_rules.NameOf(rule)}' is used but nowhere defined", _firstUse[rule]);

            var facts = new RuleFacts(_rules);
            foreach (var (body, at) in _endless)
            {
                if (facts.IsNullable(body))
                {
                    throw Fault("left recursion: * or + repeats something that may be empty, so it never has to " +
                        "go on; let what is repeated match at least one character", at);
                }
            }

            return _rules;
        }

        private void Rule()
        {
            var start = _at;
            var rule = RuleOf(Name(), start);
            Space(lines: false);
            if (string.CompareOrdinal(text, _at, "::=", 0, 3) != 0)
                throw Fault($"'::=' must follow the name '{_rules.NameOf(rule)}', not {Found()}", _at);
            if (_rules.IsDefined(rule))
                throw Fault($"rule '{_rules.NameOf(rule)}' is defined twice", start);
            _at += 3;
            Space(lines: true);
            try
            {
                _rules.Define(rule, Alternatives(inGroup: false));
            }
            catch (InvalidDataException e) when (!e.Message.StartsWith(name, StringComparison.Ordinal))
            {
                throw Fault(e.Message.TrimEnd('.'), start);
            }

            if (_at < text.Length && text[_at] is not ('\r' or '\n'))
                throw Fault($"the rule should go on or its line end, but there is {Found()}", _at);
            Space(lines: true);
        }

        private Term Alternatives(bool inGroup)
        {
            var options = new List<Term> { Sequence(inGroup) };
            while (At('|'))
            {
                _at++;
                Space(lines: true);
                options.Add(Sequence(inGroup));
            }

            return Term.Either([.. options]);
        }

        private Term Sequence(bool inGroup)
        {
            var items = new List<Term>();
            long last = 1; // what the last item comes to when llama.cpp expands it
            var repeatable = false;
            while (_at < text.Length)
            {
                var start = _at;
                var before = _symbols;
                switch (text[_at])
                {
                    case '*' or '+' or '?' or '{':
                        if (!repeatable)
                            throw Fault($"there is nothing before '{text[_at]}' to repeat", _at);
                        var (min, max) = Times(inGroup);
                        last = Expanded(last, min, max, start);
                        _symbols += max == Term.NoEnd ? 1 : max - min;
                        if (max == Term.NoEnd)
                            _endless.Add((items[^1], start));
                        items[^1] = Term.Times(items[^1], min, max);
                        CheckDepth(items[^1], start);
                        GrammarRules.CheckSize(++_terms);
                        Space(inGroup);
                        continue;
                    case '"':
                        items.Add(Literal());
                        repeatable = items[^1] is not Wisp.Grammar.Sequence { Items.Length: 0 };
                        break;
                    case '[':
                        items.Add(Term.Chars(Class()));
                        break;
                    case '.':
                        _at++;
                        items.Add(Term.Chars(CharClass.Any));
                        break;
                    case '<' or '!':
                        items.Add(Token());
                        break;
                    case '(':
                        items.Add(Group());
                        break;
                    default:
                        if (!IsNameCharacter(text[_at]))
                            return Term.Of([.. items]);
                        items.Add(new Call(RuleOf(Name(), start)));
                        break;
                }

                if (text[start] != '"')
                    repeatable = true;
                last = Math.Max(1, _symbols - before);
                GrammarRules.CheckSize(_terms += text[start] == '"' ? items[^1].Size : 1);
                Space(inGroup);
            }

            return Term.Of([.. items]);
        }

        private Term Group()
        {
            var start = _at++;
            if (++_groups > MaxGroups)
                throw Fault($"groups are nested more than {MaxGroups} deep; give the inner ones a rule of their own",
                    start);
            _symbols++;
            Space(lines: true);
            var inner = Alternatives(inGroup: true);
            if (!At(')'))
                throw Fault($"')' is missing for the '(' of {Place(start)}; there is {Found()}", _at);
            _at++;
            _groups--;
            return inner;
        }

        private (int Min, int Max) Times(bool inGroup)
        {
            var start = _at++;
            switch (text[start])
            {
                case '*': return (0, Term.NoEnd);
                case '+': return (1, Term.NoEnd);
                case '?': return (0, 1);
            }

            Space(inGroup);
            var min = Number();
            var max = min;
            Space(inGroup);
            if (At(','))
            {
                _at++;
                Space(inGroup);
                max = _at < text.Length && char.IsAsciiDigit(text[_at]) ? Number() : Term.NoEnd;
                Space(inGroup);
            }

            if (!At('}'))
                throw Fault($"a repetition is {{m}}, {{m,}} or {{m,n}}; there is {Found()}", _at);
            _at++;
            if (max < min)
                throw Fault($"the repetition {{{min},{max}}} has a maximum under its minimum", start);
            return (min, max);
        }

        private int Number()
        {
            var start = _at;
            while (_at < text.Length && char.IsAsciiDigit(text[_at]))
                _at++;
            if (_at == start)
                throw Fault($"a repetition is {{m}}, {{m,}} or {{m,n}}; there is {Found()}", _at);
            return int.TryParse(text.AsSpan(start, _at - start), out var number) && number <= MaxRepetitions
                ? number
                : throw Fault($"{Shortened(text[start.._at])} repetitions are asked for; at most {MaxRepetitions} " +
                    "are taken. {m,} has no upper bound", start);
        }

        // Nested repetitions multiply where llama.cpp expands them.
        private long Expanded(long last, int min, int max, int at)
        {
            var times = max != Term.NoEnd && max > 0 ? max : Math.Max(1, min);
            if (last * times >= MaxRepetitions)
            {
                throw Fault($"repetitions in one another come to {last * times}; it must stay under " +
                    $"{MaxRepetitions}, which is also llama.cpp's bound", at);
            }

            return last * times;
        }

        private Term Literal()
        {
            var start = _at++;
            var characters = new List<Term>();
            while (!At('"'))
            {
                if (_at == text.Length)
                    throw Fault("the text that begins here has no closing '\"'", start);
                var at = _at;
                var character = Character();
                if (character is >= 0xD800 and <= 0xDFFF)
                    throw Fault($"U+{character:X4} is half of a surrogate pair and no character; use \\U", at);
                characters.Add(Term.Chars(CharClass.Of(character)));
            }

            _at++;
            return Term.Of([.. characters]);
        }

        private CharClass Class()
        {
            var start = _at++;
            var negated = At('^');
            if (negated)
                _at++;
            var ranges = new List<(int, int)>();
            while (!At(']'))
            {
                if (_at == text.Length)
                    throw Fault("the class that begins here has no closing ']'", start);
                var at = _at;
                var first = Character();
                var last = first;
                if (At('-') && _at + 1 < text.Length && text[_at + 1] != ']')
                {
                    _at++;
                    last = Character();
                }

                if (last < first)
                    throw Fault($"the range {Shortened(text[at.._at])} runs backwards", at);
                ranges.Add((first, last));
            }

            _at++;
            return ranges.Count > 0
                ? new CharClass(ranges, negated)
                : throw Fault(negated
                    ? "[^] leaves out nothing; write . for any character"
                    : "[] has no character in it", start);
        }

        private int Character()
        {
            if (text[_at] != '\\')
            {
                if (Rune.DecodeFromUtf16(text.AsSpan(_at), out var rune, out var width) != 0)
                    throw Fault("half of a surrogate pair stands here; the text is damaged", _at);
                _at += width;
                return rune.Value;
            }

            var start = _at++;
            var escape = _at < text.Length ? text[_at++] : '\0';
            return escape switch
            {
                'x' => Hex(2, start),
                'u' => Hex(4, start),
                'U' => Hex(8, start),
                't' => '\t',
                'r' => '\r',
                'n' => '\n',
                '\\' or '"' or '[' or ']' or '-' => escape,
                _ => throw Fault($"unknown escape {Shown("\\" + escape)}; known are " +
                    "\\n \\r \\t \\\\ \\\" \\[ \\] \\- \\xHH \\uHHHH \\UHHHHHHHH", start),
            };
        }

        private int Hex(int digits, int start)
        {
            var value = 0L;
            for (var i = 0; i < digits; i++, _at++)
            {
                if (_at == text.Length || !char.IsAsciiHexDigit(text[_at]))
                    throw Fault($"{text[start..(start + 2)]} needs {digits} hexadecimal digits", start);
                value = value << 4 | (long)Convert.ToInt32(text[_at].ToString(), 16);
            }

            return value <= CharClass.LastCodePoint
                ? (int)value
                : throw Fault($"U+{value:X} is beyond U+10FFFF, the last code point", start);
        }

        private OneToken Token()
        {
            var start = _at;
            var negated = At('!');
            if (negated)
                _at++;
            var end = At('<') ? text.IndexOfAny(['>', '\n'], _at) : -1;
            if (end < 0 || text[end] != '>')
                throw Fault("a token is <name>, <[id]>, !<name> or !<[id]>", start);
            var spelling = text[_at..(end + 1)];
            _at = end + 1;
            if (spelling is ['<', '[', .. var digits, ']', '>'])
            {
                return int.TryParse(digits, System.Globalization.NumberStyles.None, null, out var id)
                    ? new OneToken(id, negated)
                    : throw Fault($"{Shortened(spelling)} is no token id", start);
            }

            if (idOfToken is null)
                throw Fault($"{Shortened(spelling)} names a token, and no vocabulary is at hand; use <[id]>", start);
            return idOfToken(spelling) is >= 0 and var known
                ? new OneToken(known, negated)
                : throw Fault($"the vocabulary has no token {Shortened(spelling)}", start);
        }

        private int RuleOf(string rule, int at)
        {
            if (!_indexOf.TryGetValue(rule, out var index))
            {
                _indexOf.Add(rule, index = _rules.Add(rule));
                _symbols++;
                _firstUse.Add(index, at);
            }

            return index;
        }

        private string Name()
        {
            var start = _at;
            while (_at < text.Length && IsNameCharacter(text[_at]))
                _at++;
            return _at > start
                ? text[start.._at]
                : throw Fault($"a rule's name (letters, digits, '-') should stand here, not {Found()}", _at);
        }

        private static bool IsNameCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c == '-';

        private void Space(bool lines)
        {
            for (; _at < text.Length; _at++)
            {
                if (text[_at] == '#')
                {
                    while (_at + 1 < text.Length && text[_at + 1] is not ('\r' or '\n'))
                        _at++;
                }
                else if (!(text[_at] is ' ' or '\t' || lines && text[_at] is '\r' or '\n'))
                {
                    return;
                }
            }
        }

        private bool At(char c) => _at < text.Length && text[_at] == c;

        private void CheckDepth(Term term, int at)
        {
            if (term.Depth > GrammarRules.MaxDepth)
                throw Fault($"more than {GrammarRules.MaxDepth} repetitions stand in one another", at);
        }

        private string Found() => _at == text.Length ? "the end of the text"
            : text[_at] is '\r' or '\n' ? "the end of the line"
            : Shown(text[_at].ToString());

        private static string Shortened(string s) => s.Length <= 40 ? Shown(s) : Shown(s[..37] + "...");

        // A grammar from outside may not steer a terminal through a message.
        private static string Shown(string s) =>
            $"'{string.Concat(s.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '\uFFFD' : c))}'";

        private string Place(int at)
        {
            var line = 1 + text.AsSpan(0, at).Count('\n');
            return $"line {line}, column {at - text.LastIndexOf('\n', Math.Max(0, at - 1), Math.Max(0, at))}";
        }

        private InvalidDataException Fault(string message, int at) => new($"{name}, {Place(at)}: {message}.");
    }
}
