using System.Text;

namespace Wisp.Train.Eval.Scoring;

/// <summary>
/// Looks for tests in a training text: a test counts as seen where the text holds any run of 13 of its words, in lower
/// case and without punctuation. Brown et al. 2020, arXiv:2005.14165, appendix C. Tests with fewer than 13 words are
/// looked for as a whole down to 8, below which a match would say nothing.
/// </summary>
public sealed class NgramOverlap
{
    public const int Words = 13, FewestWords = 8;

    // Runs of one length, by their hash: which items hold them. Two runs with one hash of 64 bits in a thousand million
    // words are not to be expected.
    private readonly Dictionary<int, Dictionary<ulong, List<int>>> _runs = [];
    private readonly List<bool> _found = [], _isLong = [];

    /// <summary>Adds an item and returns its number.</summary>
    public int Add(string text)
    {
        var words = WordsOf(Encoding.UTF8.GetBytes(text));
        var item = _found.Count;
        _found.Add(false);
        _isLong.Add(words.Count >= FewestWords);
        if (words.Count < FewestWords)
            return item;
        var length = Math.Min(Words, words.Count);
        if (!_runs.TryGetValue(length, out var runs))
            _runs[length] = runs = [];
        for (var i = 0; i + length <= words.Count; i++)
        {
            var key = Key(words, i, length);
            if (!runs.TryGetValue(key, out var items))
                runs[key] = items = [];
            if (items.Count == 0 || items[^1] != item)
                items.Add(item);
        }

        return item;
    }

    /// <summary>Marks all items of which a training document holds a run.</summary>
    public void See(ReadOnlySpan<byte> utf8)
    {
        var words = WordsOf(utf8);
        foreach (var (length, runs) in _runs)
            for (var i = 0; i + length <= words.Count; i++)
                if (runs.TryGetValue(Key(words, i, length), out var items))
                    foreach (var item in items)
                        _found[item] = true;
    }

    public bool IsFound(int item) => _found[item];

    /// <summary>Whether the item has words enough to be looked for.</summary>
    public bool IsJudged(int item) => _isLong[item];

    private static ulong Key(List<ulong> words, int from, int length)
    {
        // An order-dependent mix; each word is a well mixed hash already.
        var key = 14695981039346656037UL;
        for (var i = from; i < from + length; i++)
            key = (ulong.RotateLeft(key, 23) ^ words[i]) * 0x9E3779B97F4A7C15UL;
        return key;
    }

    // Hashes (FNV-1a) of the words: runs of letters and digits, whatever is beyond ASCII being a letter.
    private static List<ulong> WordsOf(ReadOnlySpan<byte> utf8)
    {
        var words = new List<ulong>(utf8.Length / 5);
        var hash = 0UL;
        for (var i = 0; i < utf8.Length; i++)
        {
            var c = utf8[i] is >= (byte)'A' and <= (byte)'Z' ? (byte)(utf8[i] + 32) : utf8[i];
            // Typographic dashes and quotes are punctuation as well, U+2010 to U+203F; an apostrophe parts no word.
            if (c == 0xE2 && i + 2 < utf8.Length && utf8[i + 1] == 0x80 && utf8[i + 2] >= 0x90)
            {
                c = utf8[i + 2] is 0x98 or 0x99 ? (byte)'\'' : (byte)'-';
                i += 2;
            }

            if (c is >= (byte)'a' and <= (byte)'z' or >= (byte)'0' and <= (byte)'9' or >= 0x80)
            {
                hash = ((hash == 0 ? 14695981039346656037UL : hash) ^ c) * 1099511628211UL;
            }
            else if (hash != 0 && c != '\'')
            {
                words.Add(hash);
                hash = 0;
            }
        }

        if (hash != 0)
            words.Add(hash);
        return words;
    }
}
