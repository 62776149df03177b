using Wisp.Train.Data;

namespace Wisp.Train.Align.Pairs;

/// <summary>
/// The pairs of each step as a pure function of (seed, step): every pair once an epoch, in a new random order, and laid
/// out on as many pages as they need.
/// </summary>
internal sealed class PairBatches
{
    // Places of a page: tall enough for full speed, and two rows at least, so that any pair fits.
    private const int PageTokens = 8192;

    private readonly IReadOnlyList<PairTokens> _pairs;
    private readonly ulong _seed;
    private readonly int[] _order;
    private readonly PairPage _page;
    private long _epoch = -1;

    public PairBatches(IReadOnlyList<PairTokens> pairs, int pairsPerStep, int T, ulong seed)
    {
        (_pairs, _seed, _order) = (pairs, seed, new int[pairs.Count]);
        PairsPerStep = Math.Min(pairsPerStep, pairs.Count);
        _page = new PairPage(RowsOf(T), T);
    }

    public int PairsPerStep { get; }

    public static int RowsOf(int T) => Math.Max(2, PageTokens / T);

    /// <summary>The pages of a step; each is valid until the next.</summary>
    public IEnumerable<(PairPage Page, IReadOnlyList<int> Pairs)> Step(long step)
    {
        var numbers = new int[PairsPerStep];
        for (var i = 0; i < numbers.Length; i++)
        {
            var (epoch, draw) = Math.DivRem((step * PairsPerStep) + i, _pairs.Count);
            if (epoch != _epoch)
                Shuffle.Permutation(_order, Shuffle.Key(_seed, stream: 7, (ulong)epoch));
            _epoch = epoch;
            numbers[i] = _order[draw];
        }

        return Pages(numbers);
    }

    /// <summary>All pairs in their own order.</summary>
    public IEnumerable<(PairPage Page, IReadOnlyList<int> Pairs)> All() =>
        Pages([.. Enumerable.Range(0, _pairs.Count)]);

    private IEnumerable<(PairPage Page, IReadOnlyList<int> Pairs)> Pages(IReadOnlyList<int> numbers)
    {
        var on = new List<int>();
        _page.Clear();
        foreach (var number in numbers)
        {
            if (!_page.TryAdd(_pairs[number]))
            {
                yield return (_page, on);
                on = [];
                _page.Clear();
                if (!_page.TryAdd(_pairs[number]))
                    throw new InvalidOperationException("A pair is longer than the rows of an empty page.");
            }

            on.Add(number);
        }

        if (on.Count > 0)
            yield return (_page, on);
    }
}
