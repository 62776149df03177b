using System.Text;

namespace Wisp.Train.Report;

/// <summary>Makes any string safe to stand in a page. Samples are written by a model and may hold anything.</summary>
internal static class Escape
{
    /// <summary>For text and quoted attributes of HTML that is also well-formed XML.</summary>
    public static string Html(string text)
    {
        var safe = new StringBuilder(text.Length + 16);
        foreach (var rune in text.EnumerateRunes()) // a lone surrogate comes out as U+FFFD
        {
            _ = rune.Value switch
            {
                '&' => safe.Append("&amp;"),
                '<' => safe.Append("&lt;"),
                '>' => safe.Append("&gt;"),
                '"' => safe.Append("&quot;"),
                '\'' => safe.Append("&#39;"),
                _ => safe.Append(Visible(rune)),
            };
        }

        return safe.ToString();
    }

    /// <summary>For Markdown outside of code: what would start markup there stands for itself.</summary>
    public static string Markdown(string text)
    {
        var safe = new StringBuilder(text.Length + 16);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value is '\n' or '\r')
                safe.Append(' ');
            else if (rune.IsAscii && "\\`*_{}[]()<>#|~&".Contains((char)rune.Value))
                safe.Append('\\').Append((char)rune.Value);
            else
                safe.Append(Visible(rune));
        }

        return safe.ToString();
    }

    /// <summary>A fenced block that its content cannot close: no run of backticks inside is as long.</summary>
    public static string Fenced(string text)
    {
        int run = 0, longest = 2;
        foreach (var c in text)
        {
            run = c == '`' ? run + 1 : 0;
            longest = Math.Max(longest, run);
        }

        var fence = new string('`', longest + 1);
        var safe = string.Concat(text.EnumerateRunes().Select(Visible));
        return $"{fence}text\n{safe.TrimEnd('\n')}\n{fence}";
    }

    // Control characters are not allowed in XML and could steer a terminal: their pictures (U+2400) stand for them.
    private static string Visible(Rune rune) => rune.Value switch
    {
        '\t' or '\n' => rune.ToString(),
        < 0x20 => ((char)(0x2400 + rune.Value)).ToString(),
        0x7f => "\u2421",
        (>= 0x80 and <= 0x9f) or 0xfffe or 0xffff => "\ufffd",
        _ => rune.ToString(),
    };
}
