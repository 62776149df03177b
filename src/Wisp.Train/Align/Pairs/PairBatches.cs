using Wisp.Train.Data;

namespace Wisp.Train.Align.Pairs;

/// <summary>
/// The pairs of each step as a pure function of (seed, step): every pair once an epoch, in a new random order, and laid
/// out on as many pages as they need, the chosen answer of pair n at place 2n and the rejected one at 2n + 1.
/// </summary>
internal sealed class PairBatches
{
    private readonly IReadOnlyList<PairTokens> _pairs;
    private readonly ulong _seed;
    private readonly int[] _order;
    private readonly ExamplePage _page;
    private long _epoch = -1;

    public PairBatches(IReadOnlyList<PairTokens> pairs, int pairsPerStep, int T, ulong seed)
    {
        (_pairs, _seed, _order) = (pairs, seed, new int[pairs.Count]);
        PairsPerStep = Math.Min(pairsPerStep, pairs.Count);
        _page = ExamplePage.Of(T);
    }

    public int PairsPerStep { get; }

    /// <summary>The pages of a step; each is valid until the next.</summary>
    public IEnumerable<(ExamplePage Page, IReadOnlyList<int> Pairs)> Step(long step)
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
    public IEnumerable<(ExamplePage Page, IReadOnlyList<int> Pairs)> All() =>
        Pages(Enumerable.Range(0, _pairs.Count));

    private IEnumerable<(ExamplePage Page, IReadOnlyList<int> Pairs)> Pages(IEnumerable<int> numbers) => _page
        .Pages(numbers, number => _page.TryAdd(_pairs[number].Chosen, _pairs[number].Rejected))
        .Select(pairs => (_page, pairs));
}
