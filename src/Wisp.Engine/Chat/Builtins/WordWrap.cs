using Wisp.Chat.Values;

namespace Wisp.Chat.Builtins;

/// <summary>
/// Breaks paragraphs into lines as Python's textwrap does: at blanks, after hyphens within words, before and after
/// dashes of two hyphens or more, and through words that are longer than a line.
/// </summary>
internal readonly record struct WordWrap(int Width, bool BreakWords, bool BreakHyphens)
{
    public List<string> Lines(string paragraph)
    {
        if (Width <= 0)
            throw new TemplateException($"wordwrap to a width of {Width} is not possible.");
        var chunks = new Stack<string>(Chunks(paragraph).Reverse<string>());
        var lines = new List<string>();
        while (chunks.Count > 0)
        {
            var line = new List<string>();
            var length = 0;
            if (lines.Count > 0 && IsBlank(chunks.Peek()))
                chunks.Pop();
            while (chunks.TryPeek(out var chunk) && length + Characters.Length(chunk) <= Width)
            {
                length += Characters.Length(chunk);
                line.Add(chunks.Pop());
            }

            if (chunks.TryPeek(out var next) && Characters.Length(next) > Width)
                BreakWord(chunks, line, Width - length);
            if (line.Count > 0 && IsBlank(line[^1]))
                line.RemoveAt(line.Count - 1);
            if (line.Count > 0)
                lines.Add(string.Concat(line));
        }

        return lines;
    }

    private static bool IsBlank(string chunk) => Characters.Trim(chunk).Length == 0;

    private void BreakWord(Stack<string> chunks, List<string> line, int room)
    {
        if (!BreakWords)
        {
            if (line.Count == 0)
                line.Add(chunks.Pop());
            return;
        }

        var word = chunks.Pop();
        var end = Characters.Offset(word, room);
        if (BreakHyphens && end > 0 && word.LastIndexOf('-', end - 1) is > 0 and var hyphen &&
            word.AsSpan(0, hyphen).ContainsAnyExcept('-'))
            end = hyphen + 1;
        line.Add(word[..end]);
        chunks.Push(word[end..]);
    }

    private List<string> Chunks(string text)
    {
        var chunks = new List<string>();
        for (var at = 0; at < text.Length;)
        {
            var end = at + 1;
            if (IsSpace(text[at]))
                while (end < text.Length && IsSpace(text[end]))
                    end++;
            else if (BreakHyphens && Dash(text, at) is > 0 and var dash)
                end = at + dash;
            else
                end = EndOfWord(text, end);
            chunks.Add(text[at..end]);
            at = end;
        }

        return chunks;
    }

    private int EndOfWord(string text, int at)
    {
        for (; at < text.Length && !IsSpace(text[at]); at++)
        {
            if (!BreakHyphens)
                continue;
            if (text[at] == '-' && HyphenBreaks(text, at))
                return at + 1;
            if (Dash(text, at) > 0)
                return at;
        }

        return at;
    }

    // Two letters before the hyphen (or a letter, a hyphen and a character), and two letters after it.
    private static bool HyphenBreaks(string text, int at)
    {
        char At(int i) => i >= 0 && i < text.Length ? text[i] : ' ';
        var before = IsLetter(At(at - 1)) && IsLetter(At(at - 2)) ||
            IsWordPart(At(at - 1)) && At(at - 2) == '-' && IsLetter(At(at - 3));
        return before && IsLetter(At(at + 1)) && IsLetter(At(At(at + 2) == '-' ? at + 3 : at + 2));
    }

    // The length of a dash between two words, else 0.
    private static int Dash(string text, int at)
    {
        if (at == 0 || text[at] != '-' || !IsWordPart(text[at - 1]))
            return 0;
        var end = at;
        while (end < text.Length && text[end] == '-')
            end++;
        return end - at >= 2 && end < text.Length && Characters.IsWord(text[end]) ? end - at : 0;
    }

    private static bool IsSpace(char c) => c is ' ' or >= '\t' and <= '\r';

    private static bool IsLetter(char c) => Characters.IsWord(c) && !char.IsDigit(c);

    private static bool IsWordPart(char c) => Characters.IsWord(c) || "!\"'&.,?".Contains(c);
}
