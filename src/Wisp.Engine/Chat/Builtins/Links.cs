using System.Text;
using Wisp.Chat.Values;

namespace Wisp.Chat.Builtins;

/// <summary>The filter urlize: addresses of pages and mail boxes in a text become HTML links.</summary>
internal sealed class Links
{
    private static readonly string[] s_domains = ["com", "net", "int", "edu", "gov", "org", "info", "mil"];
    private static readonly (string Open, string Close)[] s_pairs = [("(", ")"), ("<", ">"), ("&lt;", "&gt;")];

    private readonly Budget _budget;
    private readonly int? _limit;
    private readonly string _attributes;
    private readonly List<string> _schemes = [];

    /// <param name="bound">trim_url_limit, nofollow, target, rel, extra_schemes.</param>
    public Links(Arguments args, Value?[] bound, Budget budget)
    {
        _budget = budget;
        _limit = bound[0] is null or NoneValue ? null : args.Int(bound[0]);
        var rel = new SortedSet<string>(StringComparer.Ordinal) { "noopener" };
        if (bound[1] is { IsTrue: true })
            rel.Add("nofollow");
        if (bound[3] is TextValue more)
            rel.UnionWith(more.Text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        var target = bound[2] is TextValue given ? Operators.Escape(given.Text, budget) : null;
        _attributes = $" rel=\"{Operators.Escape(string.Join(' ', rel), budget)}\"" +
            (target is null ? "" : $" target=\"{target}\"");
        if (bound[4] is null or NoneValue)
            return;
        foreach (var scheme in Sequences.List(bound[4]!, budget))
        {
            var text = args.Text(scheme);
            var name = text.TrimEnd('/');
            if (text.Length - name.Length > 2 || name.Length < 3 || name[^1] != ':' ||
                !name[..^1].All(c => Characters.IsWord(c) || c is '.' or '+' or '-'))
                throw new TemplateException($"{Printer.Quoted(text)} is no scheme of addresses.");
            _schemes.Add(text);
        }
    }

    /// <param name="text">Escaped for HTML already.</param>
    public string In(string text)
    {
        var result = new StringBuilder();
        for (var at = 0; at < text.Length;)
        {
            var end = at;
            if (Characters.IsSpace(text[at]))
                while (end < text.Length && Characters.IsSpace(text[end]))
                    end++;
            else
                while (end < text.Length && !Characters.IsSpace(text[end]))
                    end++;
            var word = text[at..end];
            var length = result.Length;
            result.Append(Characters.IsSpace(word[0]) ? word : Word(word));
            _budget.Charge(result.Length - length);
            at = end;
        }

        return result.ToString();
    }

    // Brackets and stops around an address are not part of it, unless a bracket opens within.
    private string Word(string word)
    {
        var start = 0;
        while (Opening(word, start) is > 0 and var length)
            start += length;
        var end = word.Length;
        while (end > start && Closing(word, end) is > 0 and var length && end - length >= start)
            end -= length;
        foreach (var (open, close) in s_pairs)
        {
            var opened = Texts.Count(word[start..end], open);
            for (; opened > 0 && word.IndexOf(close, end, StringComparison.Ordinal) is >= 0 and var at; opened--)
                end = at + close.Length;
        }

        return word[..start] + Link(word[start..end]) + word[end..];
    }

    private static int Opening(string word, int at) => at >= word.Length ? 0 : word[at] is '(' or '<' ? 1
        : string.CompareOrdinal(word, at, "&lt;", 0, 4) == 0 ? 4 : 0;

    private static int Closing(string word, int end) => word[end - 1] is ')' or '>' or '.' or ',' ? 1
        : end >= 4 && string.CompareOrdinal(word, end - 4, "&gt;", 0, 4) == 0 ? 4 : 0;

    private string Link(string word)
    {
        if (IsPage(word))
        {
            var plain = word.StartsWith("https://", StringComparison.Ordinal) ||
                word.StartsWith("http://", StringComparison.Ordinal);
            return $"<a href=\"{(plain ? "" : "https://")}{word}\"{_attributes}>{Trimmed(word)}</a>";
        }

        if (word.StartsWith("mailto:", StringComparison.Ordinal) && IsMail(word[7..]))
            return $"<a href=\"{word}\">{word[7..]}</a>";
        if (word.Contains('@') && !word.StartsWith("www.", StringComparison.Ordinal) && !word.StartsWith('@') &&
            !word.Contains(':') && IsMail(word))
            return $"<a href=\"mailto:{word}\">{word}</a>";
        foreach (var scheme in _schemes)
            if (word != scheme && word.StartsWith(scheme, StringComparison.Ordinal))
                return $"<a href=\"{word}\"{_attributes}>{word}</a>";
        return word;
    }

    private string Trimmed(string word) => _limit is { } limit && word.Length > limit
        ? word[..Math.Max(0, limit)] + "..." : word;

    // A host, then perhaps a port, then perhaps a path.
    private static bool IsPage(string word)
    {
        var rest = word.ToLowerInvariant();
        var scheme = rest.StartsWith("https://", StringComparison.Ordinal) ? 8
            : rest.StartsWith("http://", StringComparison.Ordinal) ? 7 : 0;
        var www = scheme == 0 && rest.StartsWith("www.", StringComparison.Ordinal);
        rest = rest[(www ? 4 : scheme)..];
        var end = rest.AsSpan().IndexOfAny('/', '?', '#') is >= 0 and var path ? path : rest.Length;
        var host = rest[..end];
        var bracket = host.StartsWith('[') ? host.IndexOf(']') + 1 : 0;
        if (host.IndexOf(':', bracket) is >= 0 and var colon)
        {
            var port = host.AsSpan(colon + 1);
            if (port.Length is 0 or > 5 || port.ContainsAnyExceptInRange('0', '9'))
                return false;
            host = host[..colon];
        }

        if (bracket > 0)
            return scheme > 0 && bracket == host.Length && host.Count(c => c == ':') >= 2 &&
                host[1..^1].All(c => c == ':' || char.IsAsciiHexDigit(c));
        var labels = host.Split('.');
        if (!labels.All(label => label.Length > 0 && label.All(c => Characters.IsWord(c) || c is '%' or '-')))
            return false;
        var top = labels[^1];
        if (scheme == 0 && !www)
            return labels.Length > 1 && s_domains.Contains(top) && labels[..^1].All(l => l.Length is >= 2 and <= 63);
        return top.Length is >= 2 and <= 63 && top.All(char.IsAsciiLetterLower) ||
            top.StartsWith("xn--", StringComparison.Ordinal) && top.Length >= 6 ||
            scheme > 0 && labels.Length == 4 && labels.All(l => l.Length <= 3 && l.All(char.IsAsciiDigit));
    }

    // Anything before the last @, and after it a name with a point in it.
    private static bool IsMail(string word)
    {
        var at = word.LastIndexOf('@');
        var dot = word.LastIndexOf('.');
        return at > 0 && dot > at + 1 && dot < word.Length - 1 && word[at + 1] is not ('.' or '-') &&
            word[(at + 1)..].All(c => Characters.IsWord(c) || c is '.' or '-') &&
            word[(dot + 1)..].All(Characters.IsWord);
    }
}
