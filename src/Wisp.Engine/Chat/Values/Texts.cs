using System.Text;

namespace Wisp.Chat.Values;

/// <summary>Searching, splitting, replacing and padding of strings.</summary>
internal static class Texts
{
    /// <summary>
    /// Units a search costs. In the worst case every place of the text is compared with half of the part, 32 characters
    /// at a time; a fair estimate keeps hostile pairs of texts from taking minutes.
    /// </summary>
    public static long SearchCost(string text, string part) => text.Length + (long)text.Length * part.Length / 64 + 1;

    public static List<string> Split(string text, string? separator, int max, bool fromRight, Budget budget)
    {
        budget.Charge(SearchCost(text, separator ?? " "));
        var parts = separator is null ? SplitAtSpace(text, max, fromRight) : SplitAt(text, separator, max, fromRight);
        budget.Charge((long)parts.Count * Budget.Item);
        return parts;
    }

    private static List<string> SplitAt(string text, string separator, int max, bool fromRight)
    {
        if (separator.Length == 0)
            throw new TemplateException("the separator is empty.");
        var parts = new List<string>();
        if (!fromRight)
        {
            var start = 0;
            while (max-- != 0 && text.IndexOf(separator, start, StringComparison.Ordinal) is >= 0 and var at)
            {
                parts.Add(text[start..at]);
                start = at + separator.Length;
            }

            parts.Add(text[start..]);
            return parts;
        }

        var end = text.Length;
        while (max-- != 0 && text.AsSpan(0, end).LastIndexOf(separator, StringComparison.Ordinal) is >= 0 and var at)
        {
            parts.Add(text[(at + separator.Length)..end]);
            end = at;
        }

        parts.Add(text[..end]);
        parts.Reverse();
        return parts;
    }

    private static List<string> SplitAtSpace(string text, int max, bool fromRight)
    {
        var parts = new List<string>();
        int start = 0, end = text.Length;
        while (true)
        {
            while (start < end && Characters.IsSpace(text[start]))
                start++;
            while (end > start && Characters.IsSpace(text[end - 1]))
                end--;
            if (start == end)
                break;
            var (from, to) = (start, end);
            if (max-- == 0)
            {
                // The rest is one part. Its far side keeps its blanks only where the split ran towards it.
                parts.Add(fromRight ? text[..end] : text[start..]);
                break;
            }

            if (fromRight)
            {
                for (from = end; from > start && !Characters.IsSpace(text[from - 1]);)
                    from--;
                end = from;
            }
            else
            {
                for (to = start; to < end && !Characters.IsSpace(text[to]);)
                    to++;
                start = to;
            }

            parts.Add(text[from..to]);
        }

        if (fromRight)
            parts.Reverse();
        return parts;
    }

    public static int Count(string text, string part)
    {
        if (part.Length == 0)
            return Characters.Length(text) + 1;
        var count = 0;
        for (var at = 0; (at = text.IndexOf(part, at, StringComparison.Ordinal)) >= 0; at += part.Length)
            count++;
        return count;
    }

    /// <param name="max">How many at most; negative for all.</param>
    public static string Replace(string text, string old, string with, int max, Budget budget)
    {
        budget.Charge(SearchCost(text, old));
        var count = Count(text, old);
        if (max >= 0 && max < count)
            count = max;
        budget.Charge(text.Length + (long)count * Math.Max(0, with.Length - old.Length));
        if (count == 0)
            return text;
        var result = new StringBuilder();
        if (old.Length == 0)
        {
            // Between all characters and at both ends.
            foreach (var character in Characters.Each(text))
            {
                if (count-- > 0)
                    result.Append(with);
                result.Append(character);
            }

            return count > 0 ? result.Append(with).ToString() : result.ToString();
        }

        var start = 0;
        for (; count > 0; count--)
        {
            var at = text.IndexOf(old, start, StringComparison.Ordinal);
            result.Append(text, start, at - start).Append(with);
            start = at + old.Length;
        }

        return result.Append(text, start, text.Length - start).ToString();
    }

    /// <param name="align">Where the text goes: &lt;, &gt; or ^ for the middle.</param>
    public static string Pad(string text, int width, string fill, char align, Budget budget)
    {
        if (Characters.Length(fill) != 1)
            throw new TemplateException("the fill character must be one character.");
        var room = width - Characters.Length(text);
        if (room <= 0)
            return text;
        budget.Charge((long)room * fill.Length + text.Length);
        // In the middle, an odd blank goes left where the width is odd.
        var left = align == '>' ? room : align == '<' ? 0 : room / 2 + (room & width & 1);
        return new StringBuilder().Insert(0, fill, left).Append(text)
            .Append(new StringBuilder().Insert(0, fill, room - left)).ToString();
    }

    public static string ExpandTabs(string text, int size, Budget budget)
    {
        var result = new StringBuilder();
        var column = 0;
        foreach (var c in text)
        {
            if (c == '\t')
            {
                var blanks = size > 0 ? size - column % size : 0;
                budget.Charge(blanks);
                result.Append(' ', blanks);
                column += blanks;
                continue;
            }

            result.Append(c);
            column = c is '\n' or '\r' ? 0 : char.IsLowSurrogate(c) ? column : column + 1;
        }

        return result.ToString();
    }
}
