using System.Globalization;
using System.Text;
using Wisp.Chat.Values;

namespace Wisp.Chat.Builtins;

/// <summary>The methods of Python's str.</summary>
internal static class StringMethods
{
    public static readonly IReadOnlyDictionary<string, Builtin> All = new Dictionary<string, Builtin>
    {
        ["capitalize"] = Map(Characters.Capitalize),
        ["casefold"] = Map(Characters.CaseFold),
        ["lower"] = Map(Characters.Lower),
        ["upper"] = Map(Characters.Upper),
        ["swapcase"] = Map(Characters.SwapCase),
        ["title"] = Map(Characters.Title),
        ["center"] = Pad('^'),
        ["ljust"] = Pad('<'),
        ["rjust"] = Pad('>'),
        ["zfill"] = ZeroFill,
        ["strip"] = Strip(left: true, right: true),
        ["lstrip"] = Strip(left: true, right: false),
        ["rstrip"] = Strip(left: false, right: true),
        ["split"] = Split(fromRight: false),
        ["rsplit"] = Split(fromRight: true),
        ["splitlines"] = (run, self, args) =>
        {
            var keep = args.Bind(0, "keepends")[0] is { IsTrue: true };
            return List(run, self, Characters.Lines(Charged(run, self), keep));
        },
        ["partition"] = (run, self, args) => Partition(run, self, args, last: false),
        ["rpartition"] = (run, self, args) => Partition(run, self, args, last: true),
        ["join"] = (run, self, args) =>
            Join(run, Text(self), Sequences.Each(args.Bind(1, "iterable")[0]!, run.Budget)),
        ["replace"] = (run, self, args) =>
        {
            var bound = args.Bind(2, "old", "new", "count");
            return Like(self, Texts.Replace(Text(self), args.Text(bound[0]), args.Text(bound[1]),
                args.Int(bound[2], -1), run.Budget));
        },
        ["removeprefix"] = (run, self, args) => args.Text(args.Bind(1, "prefix")[0]) is var prefix &&
            Charged(run, self).StartsWith(prefix, StringComparison.Ordinal)
                ? Like(self, Text(self)[prefix.Length..]) : self,
        ["removesuffix"] = (run, self, args) => args.Text(args.Bind(1, "suffix")[0]) is var suffix &&
            Charged(run, self).EndsWith(suffix, StringComparison.Ordinal)
                ? Like(self, Text(self)[..^suffix.Length]) : self,
        ["expandtabs"] = (run, self, args) => Like(self, Texts.ExpandTabs(
            Charged(run, self), args.Int(args.Bind(0, "tabsize")[0], 8), run.Budget)),
        ["startswith"] = (run, self, args) => Edge(run, self, args, (text, part) =>
            text.StartsWith(part, StringComparison.Ordinal)),
        ["endswith"] = (run, self, args) => Edge(run, self, args, (text, part) =>
            text.EndsWith(part, StringComparison.Ordinal)),
        ["find"] = (run, self, args) => Find(run, self, args, last: false) ?? -1,
        ["rfind"] = (run, self, args) => Find(run, self, args, last: true) ?? -1,
        ["index"] = (run, self, args) => Find(run, self, args, last: false) ?? throw NotFound(args),
        ["rindex"] = (run, self, args) => Find(run, self, args, last: true) ?? throw NotFound(args),
        ["count"] = (run, self, args) =>
        {
            var bound = args.Bind(1, "sub", "start", "end");
            var part = args.Text(bound[0]);
            var (text, _) = Part(run, self, args, bound[1], bound[2]);
            if (text is null)
                return 0;
            run.Budget.Charge(Texts.SearchCost(text, part));
            return Texts.Count(text, part);
        },
        ["format"] = (run, self, args) =>
            Like(self, new BraceFormat(args, run.Attribute, run.Item, run.Budget).Apply(Text(self))),
        ["format_map"] = (run, self, args) => args.Bind(1, "mapping")[0] is DictValue dict
            ? Like(self, new BraceFormat(new Arguments("format_map", [], [.. dict.Items.Select(pair =>
                KeyValuePair.Create(Printer.Text(pair.Key, run.Budget), pair.Value))]),
                run.Attribute, run.Item, run.Budget).Apply(Text(self)))
            : throw new TemplateException("format_map() needs a dict."),
        ["isalnum"] = Is(IsAlphanumeric),
        ["isalpha"] = Is(Rune.IsLetter),
        ["isascii"] = (run, self, args) => Ascii.IsValid(Charged(run, self)),
        ["isdecimal"] = Is(rune => Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber),
        ["isdigit"] = Is(IsDigit),
        ["isidentifier"] = (run, self, args) => Charged(run, self) is { Length: > 0 } name &&
            !char.IsDigit(name[0]) && name.All(Characters.IsWord),
        ["islower"] = (run, self, args) => IsLower(Charged(run, self)),
        ["isnumeric"] = Is(rune => Rune.GetNumericValue(rune) >= 0 || rune.Value == 0xF33),
        ["isprintable"] = (run, self, args) => Characters.Points(Charged(run, self)).All(Characters.IsPrintable),
        ["isspace"] = (run, self, args) => Characters.IsSpace(Charged(run, self).AsSpan()),
        ["istitle"] = (run, self, args) => IsTitle(Charged(run, self)),
        ["isupper"] = (run, self, args) => IsUpper(Charged(run, self)),
    };

    /// <summary>Has letters with case, and all are lower.</summary>
    public static bool IsLower(string text) => text.EnumerateRunes().Any(Characters.IsCased) &&
        text.EnumerateRunes().Where(Characters.IsCased).All(rune =>
            Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter));

    /// <summary>Has letters with case, and all are upper.</summary>
    public static bool IsUpper(string text) => text.EnumerateRunes().Any(Characters.IsCased) &&
        text.EnumerateRunes().Where(Characters.IsCased).All(rune =>
            Rune.GetUnicodeCategory(rune) == UnicodeCategory.UppercaseLetter);

    /// <summary>Items as texts with a separator between them.</summary>
    public static Value Join(Evaluator run, string separator, IEnumerable<Value> items)
    {
        var text = new StringBuilder();
        var count = 0;
        foreach (var item in items)
        {
            if (item is not TextValue part)
                throw new TemplateException($"join() needs strings, and item {count} is a '{item.TypeName}'.");
            if (count++ > 0)
                text.Append(separator);
            run.Budget.Charge((long)separator.Length + part.Text.Length + 1);
            text.Append(part.Text);
        }

        return text.ToString();
    }

    private static string Text(Value self) => ((TextValue)self).Text;

    // Looking at every character costs what it is.
    private static string Charged(Evaluator run, Value self)
    {
        var text = Text(self);
        run.Budget.Charge(text.Length);
        return text;
    }

    // What comes of safe text is safe.
    private static TextValue Like(Value self, string text) => new(text, ((TextValue)self).Safe);

    private static Builtin Map(Func<string, string> map) => (run, self, args) =>
    {
        args.BindNone();
        return Like(self, map(Charged(run, self)));
    };

    private static Builtin Is(Func<Rune, bool> test) => (run, self, args) =>
    {
        args.BindNone();
        return Charged(run, self).Length > 0 && Text(self).EnumerateRunes().All(test);
    };

    private static bool IsDigit(Rune rune) => Rune.IsDigit(rune) ||
        CharUnicodeInfo.GetDigitValue(rune.ToString(), 0) >= 0;

    private static bool IsAlphanumeric(Rune rune) => Rune.IsLetter(rune) || Rune.GetNumericValue(rune) >= 0;

    private static bool IsTitle(string text)
    {
        bool any = false, inWord = false;
        foreach (var rune in text.EnumerateRunes())
        {
            if (!Characters.IsCased(rune))
            {
                inWord = false;
                continue;
            }

            var lower = Rune.GetUnicodeCategory(rune) is UnicodeCategory.LowercaseLetter or UnicodeCategory.OtherLetter;
            if (lower != inWord)
                return false;
            inWord = any = true;
        }

        return any;
    }

    private static Builtin Pad(char align) => (run, self, args) =>
    {
        var bound = args.Bind(1, "width", "fillchar");
        var fill = bound[1] is null ? " " : args.Text(bound[1]);
        return Like(self, Texts.Pad(Text(self), args.Int(bound[0]), fill, align, run.Budget));
    };

    private static Value ZeroFill(Evaluator run, Value self, Arguments args)
    {
        var text = Text(self);
        var width = args.Int(args.Bind(1, "width")[0]);
        var sign = text.StartsWith('-') || text.StartsWith('+') ? 1 : 0;
        return Like(self, text[..sign] + Texts.Pad(text[sign..], width - sign, "0", '>', run.Budget));
    }

    private static Builtin Strip(bool left, bool right) => (run, self, args) =>
    {
        var set = args.Bind(0, "chars")[0] is { } chars and not NoneValue ? args.Text(chars) : null;
        run.Budget.Charge(Texts.SearchCost(Text(self), set ?? ""));
        return Like(self, Characters.Strip(Text(self), set, left, right));
    };

    private static Builtin Split(bool fromRight) => (run, self, args) =>
    {
        var bound = args.Bind(0, "sep", "maxsplit");
        var separator = bound[0] is null or NoneValue ? null : args.Text(bound[0]);
        return List(run, self, Texts.Split(Text(self), separator, args.Int(bound[1], -1), fromRight, run.Budget));
    };

    private static ListValue List(Evaluator run, Value self, List<string> parts)
    {
        run.Budget.Charge((long)parts.Count * Budget.Item);
        return new ListValue([.. parts.Select(part => Like(self, part))]);
    }

    private static TupleValue Partition(Evaluator run, Value self, Arguments args, bool last)
    {
        var text = Text(self);
        var separator = args.Text(args.Bind(1, "sep")[0]);
        if (separator.Length == 0)
            throw new TemplateException("the separator is empty.");
        run.Budget.Charge(Texts.SearchCost(text, separator));
        var at = last ? text.LastIndexOf(separator, StringComparison.Ordinal)
            : text.IndexOf(separator, StringComparison.Ordinal);
        if (at < 0)
            return last ? new TupleValue([Like(self, ""), Like(self, ""), self])
                : new TupleValue([self, Like(self, ""), Like(self, "")]);
        return new TupleValue(
            [Like(self, text[..at]), Like(self, separator), Like(self, text[(at + separator.Length)..])]);
    }

    // The part of a text between two indexes, and where it begins; null where the first is beyond the end.
    private static (string? Text, int Start) Part(Evaluator run, Value self, Arguments args, Value? from, Value? to)
    {
        var text = Charged(run, self);
        var length = Characters.Length(text);
        int Bound(Value? value, int otherwise) => value is null or NoneValue ? otherwise
            : args.Int(value) is var at && at < 0 ? Math.Max(0, at + length) : at;
        var start = Bound(from, 0);
        var end = Math.Min(length, Bound(to, length));
        return start > length || start > end ? (null, start)
            : (text[Characters.Offset(text, start)..Characters.Offset(text, end)], start);
    }

    private static Value? Find(Evaluator run, Value self, Arguments args, bool last)
    {
        var bound = args.Bind(1, "sub", "start", "end");
        var part = args.Text(bound[0]);
        var (text, start) = Part(run, self, args, bound[1], bound[2]);
        if (text is null)
            return null;
        run.Budget.Charge(Texts.SearchCost(text, part));
        var at = last ? text.LastIndexOf(part, StringComparison.Ordinal) : text.IndexOf(part, StringComparison.Ordinal);
        return at < 0 ? null : start + Characters.Index(text, at);
    }

    private static TemplateException NotFound(Arguments args) =>
        new($"{args.Function}() did not find the text; find() would give -1.");

    private static Value Edge(Evaluator run, Value self, Arguments args, Func<string, string, bool> test)
    {
        var bound = args.Bind(1, "affix", "start", "end");
        var (text, _) = Part(run, self, args, bound[1], bound[2]);
        if (text is null)
            return false;
        IReadOnlyList<Value> parts = bound[0] is TupleValue several ? several.Items : [bound[0]!];
        run.Budget.Charge((long)parts.Count * Budget.Step);
        return parts.Any(part => test(text, args.Text(part)));
    }
}
