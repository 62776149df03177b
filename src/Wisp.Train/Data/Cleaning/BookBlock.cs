using System.Text;
using System.Text.RegularExpressions;

namespace Wisp.Train.Data;

internal enum BlockKind
{
    /// <summary>Running sentences, one line.</summary>
    Prose,

    /// <summary>Lines that were broken on purpose: verse, addresses, lists.</summary>
    Lines,

    /// <summary>CHAPTER IV. and its like.</summary>
    Numbered,

    /// <summary>A short line without the end of a sentence: a title, a name, a part of a title page.</summary>
    Title,

    /// <summary>A row of stars, dashes or dots.</summary>
    Break,
}

/// <summary>What stood between two empty lines: its text without hard line ends, and what it looks like.</summary>
internal readonly partial record struct BookBlock(BlockKind Kind, string Text)
{
    /// <summary>Long enough, and like enough to sentences, that the book proper must have begun.</summary>
    public bool IsSolidProse => Kind == BlockKind.Prose && Text.Length >= 250;

    /// <summary>What the rules look at: a block may be a whole book on one line, and no rule needs that much.</summary>
    public ReadOnlySpan<char> Head => Text.AsSpan(0, Math.Min(Text.Length, 2000));

    public bool IsHeadingLike => Kind is BlockKind.Numbered or BlockKind.Title;

    /// <summary>Cuts a book at empty lines. Carriage returns and tabs must be gone.</summary>
    public static List<BookBlock> Parse(string text)
    {
        var width = WrapWidth(text);
        var blocks = new List<BookBlock>();
        var lines = new List<string>();
        foreach (var range in text.AsSpan().Split('\n'))
        {
            var line = text[range].TrimEnd();
            if (line.Length > 0)
            {
                lines.Add(line);
                continue;
            }

            if (lines.Count > 0)
                blocks.Add(Of(lines, width));
            lines.Clear();
        }

        if (lines.Count > 0)
            blocks.Add(Of(lines, width));
        return blocks;
    }

    /// <summary>Where the lines of this book are broken: the length that one line in twenty exceeds.</summary>
    private static int WrapWidth(string text)
    {
        const int Longest = 200; // a text with longer lines is not wrapped at all
        var histogram = new int[Longest + 1];
        var count = 0;
        foreach (var range in text.AsSpan().Split('\n'))
        {
            var length = range.End.Value - range.Start.Value;
            if (length == 0)
                continue;
            histogram[Math.Min(length, Longest)]++;
            count++;
        }

        var width = Longest;
        for (var longer = 0; width > 0 && (longer += histogram[width]) < count / 20; width--)
        {
        }

        return width;
    }

    private static BookBlock Of(List<string> lines, int width)
    {
        if (lines.TrueForAll(line => Rule().IsMatch(line)))
            return new BookBlock(BlockKind.Break, "* * *");
        var kind = lines.Count > 1 && IsBrokenOnPurpose(lines, width) ? BlockKind.Lines : BlockKind.Prose;
        var text = Join(lines, keepLines: kind == BlockKind.Lines);
        if (text.Length <= 160 && lines.Count <= 4)
        {
            var flat = text.Replace('\n', ' ');
            if (Number().IsMatch(flat))
                return new BookBlock(BlockKind.Numbered, flat);
            if (text.Length <= 100 && IsTitle(flat))
                return new BookBlock(BlockKind.Title, flat);
        }

        return new BookBlock(kind, text);
    }

    /// <summary>
    /// A wrapped line ends where the next word no longer fits; a line of verse ends earlier, and the next one begins
    /// with a capital. Most lines of a block have to show both.
    /// </summary>
    private static bool IsBrokenOnPurpose(List<string> lines, int width)
    {
        var (early, capitals) = (0, 0);
        for (var i = 0; i + 1 < lines.Count; i++)
        {
            var next = lines[i + 1].AsSpan().TrimStart();
            var word = next.IndexOf(' ') is var blank and >= 0 ? blank : next.Length;
            // Typists leave a line short by a few columns now and then, hence the slack.
            if (lines[i].Length + 1 + word <= width - 3)
                early++;
            var letter = next.IndexOfAnyExcept(" \"'([-".AsSpan());
            if (letter >= 0 && !char.IsLower(next[letter]))
                capitals++;
        }

        var pairs = lines.Count - 1;
        return early >= 0.6 * pairs && capitals >= 0.6 * pairs;
    }

    private static string Join(List<string> lines, bool keepLines)
    {
        if (lines.Count == 1)
            return lines[0].Trim();
        var text = new StringBuilder();
        foreach (var line in lines)
        {
            // A dash or hyphen at the end of a line belongs to both words, without a blank.
            if (text.Length > 0 && (keepLines || text[^1] != '-' || text is [.., ' ', '-']))
                text.Append(keepLines ? '\n' : ' ');
            text.Append(line.AsSpan().Trim());
        }

        return text.ToString();
    }

    /// <summary>Capitals throughout, or a few words that no sentence mark ends.</summary>
    private static bool IsTitle(string text)
    {
        var (lower, upper) = (0, 0);
        foreach (var c in text)
        {
            lower += char.IsLower(c) ? 1 : 0;
            upper += char.IsUpper(c) ? 1 : 0;
        }

        if (lower + upper == 0)
            return true;
        if (text[0] is '"' or '\'' || text[^1] is '!' or '?' or ',' or ';' or ':' or '-' or '"' or '\'')
            return false;
        return lower <= upper / 4 || (text[^1] is not '.' and not ')' && text.Length <= 70 && !char.IsLower(text[0]));
    }

    [GeneratedRegex(@"^[\s*.·~_=+#<>o-]{3,}$|^\s*[*~#]\s*$")]
    private static partial Regex Rule();

    [GeneratedRegex(@"^(?:(?:CHAPTER|Chapter|BOOK|Book|PART|Part|STAVE|Stave|ACT|Act|SCENE|Scene|CANTO|LETTER|" +
        @"Letter|STORY|Story|ADVENTURE|Adventure|VOLUME|Volume|VOL\.|SECTION|Section|EPISODE|Episode|FYTTE|LESSON|" +
        @"Lesson|DAY)\s+(?:THE\s+|the\s+)?(?:[IVXLCDMivxlc]+|\d+|[A-Z][A-Za-z]+(?:-[A-Za-z]+)?)(?:[.:,\s-].*)?|" +
        @"(?:CHAPTER|PROLOGUE|EPILOGUE|Prologue|Epilogue)[.:]?|[IVXLC]+(?:\.|[.:]\s+[""'A-Z].*[^,;]|" +
        @"\.?\s?--?\s*\S.*|\s+[A-Z][A-Z' -]+[.]?)?|\d{1,2}\.?(?:\s+[A-Z""'].*[^.,;])?)$")]
    private static partial Regex Number();
}
