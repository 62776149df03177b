namespace Wisp.Mounts;

/// <summary>Questions as SQLite's full-text search takes them.</summary>
internal static class FullText
{
    private const int MostWords = 64;

    /// <summary>
    /// Any of the words of a text, each quoted so that none of it is an operator; null where there is none.
    /// </summary>
    public static string? Query(string text)
    {
        var words = new List<string>();
        var begin = -1;
        for (var i = 0; i <= text.Length && words.Count < MostWords; i++)
            if (i < text.Length && (char.IsLetterOrDigit(text[i]) || char.IsSurrogate(text[i])))
                begin = begin < 0 ? i : begin;
            else if (begin >= 0)
            {
                words.Add($"\"{text[begin..i]}\"");
                begin = -1;
            }

        return words.Count == 0 ? null : string.Join(" OR ", words.Distinct());
    }
}
