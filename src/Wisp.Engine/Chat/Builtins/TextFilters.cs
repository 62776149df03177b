using System.Text;
using Wisp.Chat.Values;

namespace Wisp.Chat.Builtins;

/// <summary>Filters that make texts of texts; other values are printed first.</summary>
internal static class TextFilters
{
    public static Dictionary<string, Builtin> All() => new()
    {
        ["capitalize"] = Map(Characters.Capitalize),
        ["lower"] = Map(Characters.Lower),
        ["upper"] = Map(Characters.Upper),
        ["title"] = Map(Title),
        ["string"] = (run, value, args) =>
        {
            args.BindNone();
            return Soft(run, value);
        },
        ["center"] = (run, value, args) =>
        {
            var text = Soft(run, value);
            return Like(text, Texts.Pad(text.Text, args.Int(args.Bind(0, "width")[0], 80), " ", '^', run.Budget));
        },
        ["filesizeformat"] = FileSize,
        ["format"] = (run, value, args) =>
        {
            if (args.Positional.Count > 0 && args.Named.Count > 0)
                throw new TemplateException("format takes arguments by position or by name, not both.");
            Value given = new TupleValue(args.Positional);
            if (args.Named.Count > 0)
            {
                var dict = new DictValue(run.Comparer);
                foreach (var (name, named) in args.Named)
                    dict.Set(name, named);
                given = dict;
            }

            var format = Soft(run, value);
            return Like(format, PercentFormat.Apply(format.Text, given, run.Budget));
        },
        ["indent"] = Indent,
        ["replace"] = (run, value, args) =>
        {
            var bound = args.Bind(2, "old", "new", "count");
            string Text(Value v) => Printer.Text(v, run.Budget);
            var count = bound[2] is null or NoneValue ? -1 : args.Int(bound[2]);
            return Texts.Replace(Text(value), Text(bound[0]!), Text(bound[1]!), count, run.Budget);
        },
        ["trim"] = (run, value, args) =>
        {
            var set = args.Bind(0, "chars")[0] is { } chars and not NoneValue ? args.Text(chars) : null;
            var text = Soft(run, value);
            run.Budget.Charge(Texts.SearchCost(text.Text, set ?? ""));
            return Like(text, Characters.Strip(text.Text, set, left: true, right: true));
        },
        ["truncate"] = Truncate,
        ["wordcount"] = (run, value, args) =>
        {
            args.BindNone();
            return WordCount(Charged(run, Soft(run, value)));
        },
        ["wordwrap"] = WordWrap,
    };

    /// <summary>The value as a text, which stays safe if it was.</summary>
    public static TextValue Soft(Evaluator run, Value value) =>
        value as TextValue ?? new TextValue(Printer.Text(value, run.Budget));

    private static TextValue Like(TextValue text, string result) => new(result, text.Safe);

    private static string Charged(Evaluator run, TextValue text)
    {
        run.Budget.Charge(text.Text.Length);
        return text.Text;
    }

    private static Builtin Map(Func<string, string> map) => (run, value, args) =>
    {
        args.BindNone();
        var text = Soft(run, value);
        return Like(text, map(Charged(run, text)));
    };

    // Words begin after blanks, hyphens and opening brackets only; str.title would make Don'T of don't.
    private static string Title(string text)
    {
        static bool IsBreak(char c) => c is '-' or '(' or '{' or '[' or '<' || Characters.IsSpace(c);

        var result = new StringBuilder(text.Length);
        for (var at = 0; at < text.Length;)
        {
            if (IsBreak(text[at]))
            {
                result.Append(text[at++]);
                continue;
            }

            var end = at;
            while (end < text.Length && !IsBreak(text[end]))
                end++;
            var first = char.IsHighSurrogate(text[at]) && at + 1 < end ? 2 : 1;
            result.Append(Characters.Upper(text.Substring(at, first)))
                .Append(Characters.Lower(text[(at + first)..end]));
            at = end;
        }

        return result.ToString();
    }

    private static Value FileSize(Evaluator run, Value value, Arguments args)
    {
        var binary = args.Bind(0, "binary")[0] is { IsTrue: true };
        var bytes = value is TextValue text
            ? Numbers.TryParseFloat(text.Text, out var read) ? read
                : throw new TemplateException("filesizeformat needs a number.")
            : Numbers.ToDouble(value);
        var unit = binary ? 1024.0 : 1000.0;
        if (bytes == 1)
            return "1 Byte";
        if (!double.IsFinite(bytes))
            throw new TemplateException("filesizeformat needs a finite number.");
        if (bytes < unit)
            return $"{Numbers.Text(Math.Truncate(bytes))[..^2]} Bytes";
        const string prefixes = "kMGTPEZY";
        var at = 0;
        var size = unit;
        for (; at < prefixes.Length - 1 && bytes >= size * unit; at++)
            size *= unit;
        var prefix = binary ? $"{char.ToUpperInvariant(prefixes[at])}iB" : $"{prefixes[at]}B";
        return $"{Numbers.Fixed(unit * bytes / (size * unit), 1)} {prefix}";
    }

    private static Value Indent(Evaluator run, Value value, Arguments args)
    {
        var bound = args.Bind(0, "width", "first", "blank");
        var text = args.Text(value);
        var width = bound[0] is TextValue ? 0 : Math.Max(0, args.Int(bound[0], 4));
        run.Budget.Charge(text.Length + width);
        var indent = bound[0] is TextValue given ? given.Text : new string(' ', width);
        var (first, blank) = (bound[1] is { IsTrue: true }, bound[2] is { IsTrue: true });
        var result = new StringBuilder();
        var lines = Characters.Lines(text + "\n");
        for (var i = 0; i < lines.Count; i++)
        {
            if (i > 0)
                result.Append('\n');
            if (i == 0 ? first : blank || lines[i].Length > 0)
            {
                run.Budget.Charge(indent.Length);
                result.Append(indent);
            }

            result.Append(lines[i]);
        }

        return Like((TextValue)value, result.ToString());
    }

    private static Value Truncate(Evaluator run, Value value, Arguments args)
    {
        var bound = args.Bind(0, "length", "killwords", "end", "leeway");
        var length = args.Int(bound[0], 255);
        var end = bound[2] is null ? "..." : args.Text(bound[2]);
        var leeway = bound[3] is null or NoneValue ? 5 : args.Int(bound[3]);
        var room = length - Characters.Length(end);
        if (room < 0 || leeway < 0)
            throw new TemplateException("truncate needs a length at least that of its end, and no negative leeway.");
        if (Sequences.Count(value) <= (long)length + leeway)
            return value;
        var text = args.Text(value);
        run.Budget.Charge(text.Length + end.Length);
        var cut = text[..Characters.Offset(text, room)];
        if (bound[1] is not { IsTrue: true } && cut.LastIndexOf(' ') is >= 0 and var space)
            cut = cut[..space];
        return cut + end;
    }

    private static int WordCount(string text)
    {
        var count = 0;
        for (var i = 0; i < text.Length; i++)
            if (Characters.IsWord(text[i]) && (i == 0 || !Characters.IsWord(text[i - 1])))
                count++;
        return count;
    }

    private static Value WordWrap(Evaluator run, Value value, Arguments args)
    {
        var bound = args.Bind(0, "width", "break_long_words", "wrapstring", "break_on_hyphens");
        var text = args.Text(value);
        var line = bound[2] is null or NoneValue ? "\n" : args.Text(bound[2]);
        var wrap = new WordWrap(args.Int(bound[0], 79), bound[1] is not { IsTrue: false },
            bound[3] is not { IsTrue: false });
        var lines = Characters.Lines(text).Select(paragraph =>
        {
            run.Budget.Charge(4L * paragraph.Length + Budget.Item);
            return string.Join(line, wrap.Lines(paragraph));
        });
        var wrapped = string.Join(line, lines);
        run.Budget.Charge(wrapped.Length);
        return wrapped;
    }
}
