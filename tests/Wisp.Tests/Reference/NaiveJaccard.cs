namespace Wisp.Tests.Reference;

/// <summary>Likeness of two texts by the definition: sets of five words in a row, as strings.</summary>
internal static class NaiveJaccard
{
    public static double Of(string a, string b)
    {
        HashSet<string> x = Shingles(a), y = Shingles(b);
        var both = x.Count(y.Contains);
        return x.Count + y.Count == 0 ? 1 : (double)both / (x.Count + y.Count - both);
    }

    /// <summary>Indices of the texts that are like no earlier kept one.</summary>
    public static List<int> Kept(IReadOnlyList<string> texts, double threshold)
    {
        var kept = new List<int>();
        for (var i = 0; i < texts.Count; i++)
        {
            if (kept.TrueForAll(k => Of(texts[k], texts[i]) < threshold))
                kept.Add(i);
        }

        return kept;
    }

    private static HashSet<string> Shingles(string text)
    {
        var words =
            new string([.. text.Select(c =>
            char.IsAsciiLetterOrDigit(c) || c >= 0x80 ? char.ToLowerInvariant(c) : ' ')])
            .Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length is > 0 and < 5)
            return [string.Join(' ', words)];
        var shingles = new HashSet<string>();
        for (var i = 0; i + 5 <= words.Length; i++)
            shingles.Add(string.Join(' ', words.AsSpan(i, 5).ToArray()));
        return shingles;
    }
}
