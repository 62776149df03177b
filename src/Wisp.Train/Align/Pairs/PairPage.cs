using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Train.Align.Pairs;

/// <summary>The two answers of a pair as tokens, the one that was liked better first.</summary>
public sealed record PairTokens(Example Chosen, Example Rejected);

/// <summary>
/// Some pairs side by side in rows, each answer with its conversation a document of its own. A pair is on one page or
/// on the next, never on both, so that its loss needs one page only.
/// </summary>
internal sealed class PairPage(int B, int T)
{
    private readonly int[] _tokens = new int[B * T], _targets = new int[B * T], _positions = new int[B * T],
        _starts = new int[B * T], _left = new int[B];

    private readonly List<(int From, int Length)> _places = [];

    /// <summary>Pairs on the page.</summary>
    public int Count => _places.Count / 2;

    /// <summary>The rows that hold anything: they are filled from the first on.</summary>
    public TokenBatch Batch
    {
        get
        {
            var rows = _left.AsSpan().IndexOf(T) is >= 0 and var empty ? empty : B;
            var n = rows * T;
            return new TokenBatch(
                rows, T, _tokens.AsSpan(0, n), _targets.AsSpan(0, n), _positions.AsSpan(0, n), _starts.AsSpan(0, n));
        }
    }

    /// <summary>Where the answers of a pair stand among the N positions.</summary>
    public (Range Chosen, Range Rejected) this[int pair] => (RangeOf(2 * pair), RangeOf((2 * pair) + 1));

    public void Clear()
    {
        _places.Clear();
        _tokens.AsSpan().Clear(); // any token will do where nothing counts
        _targets.AsSpan().Fill(CrossEntropy.Ignored);
        _positions.AsSpan().Clear();
        _left.AsSpan().Fill(T);
        for (var i = 0; i < B * T; i++)
            _starts[i] = i % T;
    }

    /// <summary>Adds a pair, or says that there is no room for it.</summary>
    public bool TryAdd(PairTokens pair)
    {
        var chosen = FullestWith(pair.Chosen.Tokens.Length);
        if (chosen < 0)
            return false;
        _left[chosen] -= pair.Chosen.Tokens.Length;
        var rejected = FullestWith(pair.Rejected.Tokens.Length);
        _left[chosen] += pair.Chosen.Tokens.Length;
        if (rejected < 0)
            return false;
        Put(pair.Chosen, chosen);
        Put(pair.Rejected, rejected);
        return true;
    }

    // The fullest row that still has so much room, or -1.
    private int FullestWith(int length)
    {
        var best = -1;
        for (var row = 0; row < B; row++)
            if (_left[row] >= length && (best < 0 || _left[row] < _left[best]))
                best = row;
        return best;
    }

    private void Put(Example example, int row)
    {
        var from = (row * T) + T - _left[row];
        example.Tokens.CopyTo(_tokens.AsSpan(from));
        example.Targets.CopyTo(_targets.AsSpan(from));
        for (var i = 0; i < example.Tokens.Length; i++)
            (_positions[from + i], _starts[from + i]) = (i, from - (row * T));
        _left[row] -= example.Tokens.Length;
        _places.Add((from, example.Tokens.Length));
    }

    private Range RangeOf(int place) => new(_places[place].From, _places[place].From + _places[place].Length);
}
