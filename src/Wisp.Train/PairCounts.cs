namespace Wisp.Train;

/// <summary>
/// All words as rows of tokens, and for each pair of neighbours how often it occurs and in which words, kept up to date
/// while pairs merge. A merge touches only the words that hold the pair.
/// </summary>
internal sealed class PairCounts
{
    private readonly WordCounts _words;
    private readonly int[] _symbols; // all words in a row
    private readonly int[] _starts;
    private readonly int[] _lengths;

    private readonly Dictionary<long, int> _pairs = []; // left << 32 | right, to an index into the three lists below
    private readonly List<long> _keys = [];
    private readonly List<long> _counts = [];
    private readonly List<List<int>?> _places = []; // the words that hold the pair or once held it
    private readonly List<int> _grown = []; // pairs that the merge at hand has made more frequent
    private readonly List<int> _grownIn = []; // the merge in which a pair last grew
    private int _merge;
    private readonly PriorityQueue<int, (long Count, long Key)> _queue = new(Comparer<(long Count, long Key)>.Create(
        (a, b) => a.Count != b.Count ? b.Count.CompareTo(a.Count) : a.Key.CompareTo(b.Key)));

    public PairCounts(WordCounts words)
    {
        _words = words;
        _starts = new int[words.Count];
        _lengths = new int[words.Count];
        var total = 0;
        for (var word = 0; word < words.Count; word++)
        {
            (_starts[word], _lengths[word]) = (total, words.Word(word).Length);
            total += _lengths[word];
        }

        _symbols = new int[total];
        for (var word = 0; word < words.Count; word++)
        {
            var symbols = SymbolsOf(word);
            for (var i = 0; i < symbols.Length; i++)
            {
                symbols[i] = words.Word(word)[i];
                if (i > 0)
                    Increase(symbols[i - 1], symbols[i], word);
            }
        }

        QueueGrown();
    }

    /// <summary>The pair that occurs most often, if any occurs so often.</summary>
    public bool TryTakeBest(long minOccurrences, out int left, out int right)
    {
        while (_queue.TryDequeue(out var pair, out var order))
        {
            if (_counts[pair] != order.Count)
            {
                // A pair that grew was queued again, so this one fell, and goes back where it belongs now.
                if (_counts[pair] < order.Count && _counts[pair] >= minOccurrences)
                    _queue.Enqueue(pair, (_counts[pair], order.Key));
                continue;
            }

            (left, right) = ((int)(order.Key >> 32), (int)order.Key);
            return order.Count >= minOccurrences;
        }

        (left, right) = (-1, -1);
        return false;
    }

    /// <summary>
    /// Replaces the pair by the token <paramref name="made"/> everywhere, from left to right in each word.
    /// </summary>
    public void Merge(int left, int right, int made)
    {
        var pair = _pairs[Key(left, right)];
        var places = _places[pair]!;
        _places[pair] = null;
        foreach (var word in places)
            MergeIn(word, left, right, made);
        QueueGrown();
    }

    private void MergeIn(int word, int left, int right, int made)
    {
        var symbols = SymbolsOf(word);
        var written = 0;
        for (var i = 0; i < symbols.Length; i++)
        {
            if (symbols[i] != left || i + 1 == symbols.Length || symbols[i + 1] != right)
            {
                symbols[written++] = symbols[i];
                continue;
            }

            Decrease(left, right, word);
            if (written > 0)
            {
                Decrease(symbols[written - 1], left, word);
                Increase(symbols[written - 1], made, word);
            }

            if (i + 2 < symbols.Length)
            {
                Decrease(right, symbols[i + 2], word);
                Increase(made, symbols[i + 2], word);
            }

            symbols[written++] = made;
            i++;
        }

        _lengths[word] = written;
    }

    private Span<int> SymbolsOf(int word) => _symbols.AsSpan(_starts[word], _lengths[word]);

    private static long Key(int left, int right) => (long)left << 32 | (uint)right;

    private void Increase(int left, int right, int word)
    {
        var key = Key(left, right);
        if (!_pairs.TryGetValue(key, out var pair))
        {
            pair = _keys.Count;
            _pairs.Add(key, pair);
            _keys.Add(key);
            _counts.Add(0);
            _places.Add(null);
            _grownIn.Add(-1);
        }

        _counts[pair] += _words.CountOf(word);
        if (_grownIn[pair] != _merge)
        {
            _grownIn[pair] = _merge;
            _grown.Add(pair);
        }

        var places = _places[pair] ??= [];
        if (places.Count == 0 || places[^1] != word)
            places.Add(word);
    }

    private void Decrease(int left, int right, int word) => _counts[_pairs[Key(left, right)]] -= _words.CountOf(word);

    private void QueueGrown()
    {
        foreach (var pair in _grown)
            _queue.Enqueue(pair, (_counts[pair], _keys[pair]));
        _grown.Clear();
        _merge++;
    }
}
