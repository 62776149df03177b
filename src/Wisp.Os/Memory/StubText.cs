using System.Globalization;

namespace Wisp.Memory;

/// <summary>
/// The marks by which pages are named in prompts: ⟦page:17 user, 212 tokens: the first words⟧ stands for a page that is
/// not there, and a model that writes ⟦page:17 asks for it. Texts from outside cannot forge one.
/// </summary>
public static class StubText
{
    private const string Mark = "⟦page:";
    private const char End = '⟧';
    private const int PreviewCharacters = 48;
    private const int MostDigits = 9;

    /// <summary>The line that stands for a page.</summary>
    public static string Of(Page page)
    {
        var what = page.Kind == PageKind.Summary
            ? $"summary of {page.Sources.Count} pages" : $"{Who(page.Part.Role)}, {page.Tokens} tokens";
        return $"{Mark}{page.Id} {what}: {Preview(page)}{End}";
    }

    /// <summary>What stands before the text of a page that was brought back.</summary>
    public static string Heading(PageId id) => $"{Mark}{id}{End}\n";

    /// <summary>The same text, in which nothing looks like a mark.</summary>
    public static string WithoutMarks(string text) =>
        text.Contains('⟦', StringComparison.Ordinal) || text.Contains(End, StringComparison.Ordinal)
            ? text.Replace('⟦', '[').Replace(End, ']') : text;

    /// <summary>The pages that a text names, in order, each once.</summary>
    public static IReadOnlyList<PageId> Named(string text)
    {
        var found = new List<PageId>();
        for (var at = 0; (at = text.IndexOf(Mark, at, StringComparison.Ordinal)) >= 0;)
        {
            at += Mark.Length;
            var end = at;
            while (end < text.Length && char.IsAsciiDigit(text[end]))
                end++;
            if (end - at is > 0 and <= MostDigits
                && new PageId(int.Parse(text.AsSpan(at, end - at), CultureInfo.InvariantCulture)) is var id
                && !found.Contains(id))
                found.Add(id);
            at = end;
        }

        return found;
    }

    internal static string Preview(Page page)
    {
        var text = page.Part.Text;
        if (page.Kind == PageKind.Summary) // its first line is a heading
            text = text[(text.IndexOf('\n', StringComparison.Ordinal) + 1)..];
        text = WithoutMarks(text);
        var line = new System.Text.StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (line.Length >= PreviewCharacters)
                return line.Append('…').ToString();
            if (!System.Text.Rune.IsWhiteSpace(rune) && !System.Text.Rune.IsControl(rune))
                line.Append(rune);
            else if (line.Length > 0 && line[^1] != ' ')
                line.Append(' ');
        }

        return line.ToString().TrimEnd();
    }

    private static string Who(PromptRole role) => role switch
    {
        PromptRole.System => "system",
        PromptRole.User => "user",
        PromptRole.Assistant => "answer",
        _ => "result",
    };
}
