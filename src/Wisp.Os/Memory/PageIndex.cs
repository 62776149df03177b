namespace Wisp.Memory;

/// <summary>
/// Which pages speak of what a text speaks of: Okapi BM25 over words, in memory. Robertson and Zaragoza 2009, "The
/// probabilistic relevance framework: BM25 and beyond", k1 = 1.2, b = 0.75.
/// </summary>
internal sealed class PageIndex
{
    private const double K1 = 1.2, B = 0.75;
    private const int MostLetters = 40;

    private readonly Dictionary<string, List<(int Page, int Count)>> _postings = [];
    private readonly List<int> _lengths = [];
    private long _words;

    public int Count => _lengths.Count;

    /// <summary>The next page; pages are numbered as they come.</summary>
    public void Add(string text)
    {
        var counts = new Dictionary<string, int>();
        var length = 0;
        foreach (var word in Words(text))
        {
            counts[word] = counts.GetValueOrDefault(word) + 1;
            length++;
        }

        foreach (var (word, count) in counts)
        {
            if (!_postings.TryGetValue(word, out var pages))
                _postings[word] = pages = [];
            pages.Add((_lengths.Count, count));
        }

        _lengths.Add(length);
        _words += length;
    }

    /// <summary>
    /// Pages by how well they answer, best first, each with the share of the question's information that stands in
    /// it, and which of its first 64 words do: a page that shares only "what is the" has next to none.
    /// </summary>
    public List<(int Page, double Score, double Share, ulong Words)> Search(string question)
    {
        var scores = new Dictionary<int, (double Score, double Share, ulong Words)>();
        var bit = 1UL;
        var mean = _lengths.Count == 0 ? 1 : Math.Max(1, (double)_words / _lengths.Count);
        var all = 0.0;
        foreach (var word in Words(question).ToHashSet())
        {
            var pages = _postings.GetValueOrDefault(word);
            var idf = Math.Log(1 + ((_lengths.Count - (pages?.Count ?? 0) + 0.5) / ((pages?.Count ?? 0) + 0.5)));
            all += pages is null ? 0 : idf; // a word that no page has tells no pages apart
            foreach (var (page, count) in pages ?? [])
            {
                var norm = count + (K1 * (1 - B + (B * _lengths[page] / mean)));
                var before = scores.GetValueOrDefault(page);
                scores[page] = (before.Score + (idf * count * (K1 + 1) / norm), before.Share + idf, before.Words | bit);
            }

            bit <<= 1;
        }

        return [.. scores.Select(pair => (pair.Key, pair.Value.Score, pair.Value.Share / all, pair.Value.Words))
            .OrderByDescending(hit => hit.Score).ThenBy(hit => hit.Key)];
    }

    private static IEnumerable<string> Words(string text)
    {
        var begin = -1;
        for (var i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && char.IsLetterOrDigit(text[i]))
            {
                begin = begin < 0 ? i : begin;
                continue;
            }

            if (begin >= 0)
            {
                var word = text[begin..Math.Min(i, begin + MostLetters)].ToLowerInvariant();
                yield return word.Length > 3 && word[^1] == 's' ? word[..^1] : word;
            }

            begin = -1;
        }
    }
}
