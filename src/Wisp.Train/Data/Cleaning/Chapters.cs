using System.Text;

namespace Wisp.Train.Data;

/// <summary>Cuts a book into chapters or stories of sane length, each beginning with its heading on one line.</summary>
internal static class Chapters
{
    /// <summary>A book with fewer numbered headings than this is cut at its titles: a collection of stories.</summary>
    private const int FewNumbers = 3;

    public static List<string> Cut(List<BookBlock> blocks, int minBytes, int maxBytes)
    {
        var chapters = new List<List<string>>();
        var current = new List<string>();
        var size = 0;
        foreach (var section in Sections(blocks))
        {
            // What is too short to stand alone opens the next chapter.
            if (size >= minBytes)
            {
                chapters.Add(current);
                (current, size) = ([], 0);
            }

            foreach (var paragraph in section)
            {
                current.Add(paragraph);
                size += paragraph.Length + 2;
            }
        }

        if (size >= minBytes || chapters.Count == 0)
            chapters.Add(current);
        else
            chapters[^1].AddRange(current);
        return [.. chapters.SelectMany(chapter => Parts(chapter, maxBytes)).Where(part => part.Length > 0)];
    }

    private static IEnumerable<List<string>> Sections(List<BookBlock> blocks)
    {
        var byTitles = blocks.Count(block => block.Kind == BlockKind.Numbered) < FewNumbers;
        var section = new List<string>();
        for (var i = 0; i < blocks.Count; i++)
        {
            var end = i;
            while (end < blocks.Count && blocks[end].IsHeadingLike)
                end++;
            var heading = blocks.GetRange(i, end - i);
            if (heading.Count == 0 || !(byTitles || heading.Exists(block => block.Kind == BlockKind.Numbered)))
            {
                section.Add(blocks[i].Text);
                continue;
            }

            yield return section;
            // A long run of headings is what a list of contents left; the last ones belong to the text behind it.
            section = [string.Join(". ", heading.TakeLast(3).Select(block => block.Text.TrimEnd('.', ' ')))];
            i = end - 1;
        }

        yield return section;
    }

    /// <summary>
    /// Parts of about equal size, cut between paragraphs, no longer than maxBytes where paragraphs allow it.
    /// </summary>
    private static IEnumerable<string> Parts(List<string> paragraphs, int maxBytes)
    {
        var total = paragraphs.Sum(paragraph => Encoding.UTF8.GetByteCount(paragraph) + 2);
        var count = (total + maxBytes - 1) / maxBytes;
        var target = total / Math.Max(1, count);
        var text = new StringBuilder();
        var bytes = 0;
        foreach (var paragraph in paragraphs)
        {
            var size = Encoding.UTF8.GetByteCount(paragraph) + 2;
            // Nearest to the target: not beyond it by more than half of this paragraph.
            if (bytes > 0 && bytes + size / 2 > target && count > 1)
            {
                yield return Trimmed(text);
                text.Clear();
                bytes = 0;
                count--;
            }

            text.Append(paragraph).Append("\n\n");
            bytes += size;
        }

        yield return Trimmed(text);
    }

    /// <summary>Without a scene break at either end, and with one line end behind the last line.</summary>
    private static string Trimmed(StringBuilder text)
    {
        var whole = text.ToString().Trim();
        while (whole.EndsWith("\n\n* * *", StringComparison.Ordinal))
            whole = whole[..^7].TrimEnd();
        while (whole.StartsWith("* * *\n\n", StringComparison.Ordinal))
            whole = whole[7..].TrimStart();
        return whole.Length is 0 || whole == "* * *" ? "" : whole + "\n";
    }
}
