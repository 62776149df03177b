using System.Net;
using System.Text;
using Wisp.Chat.Values;

namespace Wisp.Chat.Builtins;

/// <summary>
/// Filters for HTML and addresses. Chat templates write plain text, where only some of them mean anything.
/// </summary>
internal static class HtmlFilters
{
    private static readonly System.Buffers.SearchValues<char> s_notInNames =
        System.Buffers.SearchValues.Create(" \t\n\r\f\v/>=");

    public static Dictionary<string, Builtin> All() => new()
    {
        ["e"] = Escape,
        ["escape"] = Escape,
        ["forceescape"] = (run, value, args) =>
        {
            args.BindNone();
            return new TextValue(Operators.Escape(Printer.Text(value, run.Budget), run.Budget), safe: true);
        },
        ["safe"] = (run, value, args) =>
        {
            args.BindNone();
            return new TextValue(Printer.Text(value, run.Budget), safe: true);
        },
        ["striptags"] = (run, value, args) =>
        {
            args.BindNone();
            var text = Printer.Text(value, run.Budget);
            run.Budget.Charge(4L * text.Length);
            return StripTags(text);
        },
        ["urlencode"] = UrlEncode,
        ["urlize"] = (run, value, args) =>
        {
            var bound = args.Bind(0, "trim_url_limit", "nofollow", "target", "rel", "extra_schemes");
            var text = args.Text(value);
            run.Budget.Charge(16L * text.Length);
            var links = new Links(args, bound, run.Budget);
            return links.In(Operators.Escape(text, run.Budget));
        },
        ["xmlattr"] = XmlAttributes,
    };

    private static Value Escape(Evaluator run, Value value, Arguments args)
    {
        args.BindNone();
        return value is TextValue { Safe: true } ? value
            : new TextValue(Operators.Escape(Printer.Text(value, run.Budget), run.Budget), safe: true);
    }

    private static string StripTags(string text)
    {
        text = Without(Without(text, "<!--", "-->"), "<", ">");
        return WebUtility.HtmlDecode(string.Join(' ', Words(text)));
    }

    private static string Without(string text, string open, string close)
    {
        var result = new StringBuilder();
        var start = 0;
        while (text.IndexOf(open, start, StringComparison.Ordinal) is >= 0 and var from &&
            text.IndexOf(close, from, StringComparison.Ordinal) is >= 0 and var to)
        {
            result.Append(text, start, from - start);
            start = to + close.Length;
        }

        return result.Append(text, start, text.Length - start).ToString();
    }

    private static IEnumerable<string> Words(string text)
    {
        for (var at = 0; at < text.Length;)
        {
            var end = at;
            while (end < text.Length && !Characters.IsSpace(text[end]))
                end++;
            if (end > at)
                yield return text[at..end];
            at = end + 1;
        }
    }

    private static Value UrlEncode(Evaluator run, Value value, Arguments args)
    {
        args.BindNone();
        if (value is TextValue || !Sequences.CanIterate(value))
            return Quote(run, value, query: false);
        var pairs = value is DictValue dict ? dict.Items.Select(Sequences.Pair) : Sequences.Each(value, run.Budget);
        var text = new StringBuilder();
        foreach (var pair in pairs)
        {
            if (Sequences.List(pair, run.Budget) is not [var key, var item])
                throw new TemplateException("urlencode needs a string, a dict or pairs.");
            text.Append(text.Length > 0 ? "&" : "").Append(Quote(run, key, query: true)).Append('=')
                .Append(Quote(run, item, query: true));
        }

        return text.ToString();
    }

    private static string Quote(Evaluator run, Value value, bool query)
    {
        var text = new StringBuilder();
        foreach (var b in Encoding.UTF8.GetBytes(Printer.Text(value, run.Budget)))
        {
            var c = (char)b;
            if (char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-' or '~' || c == '/' && !query)
                text.Append(c);
            else if (c == ' ' && query)
                text.Append('+');
            else
                text.Append($"%{b:X2}");
        }

        run.Budget.Charge(text.Length);
        return text.ToString();
    }

    private static Value XmlAttributes(Evaluator run, Value value, Arguments args)
    {
        var space = args.Bind(0, "autospace")[0] is not { IsTrue: false };
        if (value is not DictValue dict)
            throw new TemplateException("xmlattr needs a dict.");
        var text = new StringBuilder();
        foreach (var (key, item) in dict.Items)
        {
            if (item is NoneValue or UndefinedValue)
                continue;
            var name = args.Text(key);
            if (name.AsSpan().ContainsAny(s_notInNames))
                throw new TemplateException($"{Printer.Quoted(name)} is no name of an attribute.");
            string Escaped(Value v) => v is TextValue { Safe: true } safe ? safe.Text
                : Operators.Escape(Printer.Text(v, run.Budget), run.Budget);
            text.Append(text.Length > 0 || space ? " " : "").Append($"{Escaped(key)}=\"{Escaped(item)}\"");
        }

        return text.ToString();
    }
}
