using System.Text;
using System.Text.RegularExpressions;

namespace Wisp.Train.Data;

/// <summary>
/// Removes what transcribers of printed books put into the running text: marks for pictures, notes, pages, type.
/// </summary>
internal static partial class BookMarks
{
    // A note longer than this is a bracket that nobody closed.
    private const int LongestMark = 6000;

    /// <summary>Typographic characters to the ASCII that people type. Letters keep their accents.</summary>
    public static string ToAscii(string text)
    {
        if (System.Text.Ascii.IsValid(text))
            return text;
        var ascii = new StringBuilder(text.Length + 64);
        foreach (var c in text)
        {
            _ = c switch
            {
                '\u2018' or '\u2019' or '\u201A' or '\u201B' or '\u2032' or '\u00B4' => ascii.Append('\''),
                (>= '\u201C' and <= '\u201F') or '\u2033' or '\u00AB' or '\u00BB' => ascii.Append('"'),
                '\u2014' or '\u2015' => ascii.Append("--"),
                (>= '\u2010' and <= '\u2013') or '\u2212' => ascii.Append('-'),
                '\u2026' => ascii.Append("..."),
                '\u00A0' or '\u202F' or '\u3000' or (>= '\u2000' and <= '\u200A') => ascii.Append(' '),
                '\u00AD' or (>= '\u200B' and <= '\u200D') or '\u2060' or '\uFEFF' => ascii, // invisible
                '\u017F' => ascii.Append('s'), // the long s of old print
                _ => ascii.Append(c),
            };
        }

        return ascii.ToString();
    }

    /// <summary>The text without marks, and how many there were.</summary>
    public static string Remove(string text, out int removed)
    {
        var count = 0;
        text = RemoveBracketed(text, ref count);
        text = Emphasis().Replace(text, m => Counted(m.Groups[2].Value, ref count));
        text = Reference().Replace(text, _ => Counted("", ref count));
        text = Ligature().Replace(text, m => Counted(m.Groups[1].Value, ref count));
        text = text.Replace("_", "").Replace("¶", "").Replace("·", "").Replace("|", "");
        removed = count;
        return text;
    }

    /// <summary>[Illustration: a picture [of something]] and its like, brackets within brackets included.</summary>
    private static string RemoveBracketed(string text, ref int count)
    {
        var kept = new StringBuilder(text.Length);
        var from = 0;
        foreach (Match match in Opening().Matches(text))
        {
            if (match.Index < from)
                continue; // inside one that is gone already
            var (depth, at, limit) = (0, match.Index, Math.Min(text.Length, match.Index + LongestMark));
            for (; at < limit; at++)
            {
                if (text[at] is '[' or '{')
                    depth++;
                else if (text[at] is ']' or '}' && --depth == 0)
                    break;
            }

            if (at == limit)
                continue;
            kept.Append(text, from, match.Index - from);
            from = at + 1;
            count++;
        }

        return count == 0 ? text : kept.Append(text, from, text.Length - from).ToString();
    }

    private static string Counted(string replacement, ref int count)
    {
        count++;
        return replacement;
    }

    [GeneratedRegex(@"[\[{]\s*_?(?:Illustrat|Illus\.|Footnote|Sidenote|Side-note|Picture|Transcriber|" +
        @"Translator'?s? note|Editor'?s? note|Music|Frontispiece|Blank page|Decorat|Decoration|Image|Note:|NOTE:|" +
        @"Pg\b|Page\b|p\.\s*\d|Device|Ornament|Tailpiece|Headpiece|Copyright|Entered at|End of|Cover|Written about|" +
        @"All rights)", RegexOptions.IgnoreCase)]
    private static partial Regex Opening();

    // word[12], [A], [*], {12}, {p0.jpg}; (12) never: people write that. At the beginning of a line it opens a
    // footnote, which has to be seen as one later.
    [GeneratedRegex(@"(?<=\S ?)\[(?:\d{1,4}|[A-Za-z]|\*{1,3}|[A-Za-z]?\d{1,3}[A-Za-z]?)\]|(?<=\S ?)\{(?:\d{1,4}|" +
        @"[A-Za-z]?\d{1,4}[A-Za-z]?|[^{}\n]{0,80}\.jpg)\}|(?<=[\w.,;:!?""'])\*{1,3}(?![\w*])|</?(?:pre|b|i|p|br|" +
        @"hr)\s*/?>")]
    private static partial Regex Reference();

    [GeneratedRegex(@"\[(oe|ae|OE|AE|Oe|Ae)\]")]
    private static partial Regex Ligature();

    // =bold=, #gothic#, *bold*, +upright+, ~small capitals~, /italic/; within a paragraph.
    [GeneratedRegex(
        @"(?<![\w*/])([=#*+~/])(?=[^\s=#*+~/])([^=#*+~/\n]+(?:\n(?!\n)[^=#*+~/\n]+){0,3})(?<=\S)\1(?![\w*/])")]
    private static partial Regex Emphasis();
}
