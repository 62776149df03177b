using System.Numerics;
using Wisp.Compute;

namespace Wisp.Run.Chain;

/// <summary>
/// The tokens still in the running and their scores. Each member of the chain changes scores or drops tokens; a score
/// of -∞ is a token that is not in the running.
/// </summary>
/// <remarks>
/// At first the list is the whole vocabulary and is not written down: a chain that begins with top-k never does.
/// </remarks>
internal sealed class Candidates
{
    private readonly float[] _scores; // (V), by id
    private readonly float[] _powers; // (V), of the list
    private readonly int[] _ids;      // (V), the list
    private readonly TopSelection _selection;
    private int _count;
    private bool _whole; // the list is every token whose score is above -∞
    private Order _order;

    private enum Order
    {
        None,
        ById,
        BestFirst,
    }

    public Candidates(int vocabularySize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularySize);
        _scores = new float[vocabularySize];
        _powers = new float[vocabularySize];
        _ids = new int[vocabularySize];
        _selection = new TopSelection(vocabularySize);
    }

    public int VocabularySize => _scores.Length;

    /// <summary>The list, in no promised order.</summary>
    public ReadOnlySpan<int> Ids
    {
        get
        {
            if (_whole)
                AtLeast(float.MinValue);
            return _ids.AsSpan(0, _count);
        }
    }

    public float this[int id] => _scores[id];

    /// <summary>Begins a step. A token whose bit in the mask is 0 is out; an empty mask allows all.</summary>
    public void Load(ReadOnlySpan<float> logits, ReadOnlySpan<ulong> allowed)
    {
        var V = _scores.Length;
        if (logits.Length != V)
            throw new ArgumentException($"{logits.Length} logits for a vocabulary of {V}.", nameof(logits));
        if (!allowed.IsEmpty && allowed.Length != (V + 63) / 64)
            throw new ArgumentException(
                $"The mask has {allowed.Length} words; {V} tokens take {(V + 63) / 64}.", nameof(allowed));
        if (LogitScan.FirstBroken(logits) is >= 0 and var id)
            throw new ArgumentException(
                $"The logit of token {id} is {logits[id]}: the weights are damaged or diverged.", nameof(logits));
        (_whole, _order) = (true, Order.ById);
        if (allowed.IsEmpty)
        {
            logits.CopyTo(_scores);
            return;
        }

        for (var word = 0; word < allowed.Length; word++)
        {
            var from = 64 * word;
            var scores = _scores.AsSpan(from, Math.Min(64, V - from));
            if (allowed[word] == 0)
            {
                scores.Fill(float.NegativeInfinity);
                continue;
            }

            logits.Slice(from, scores.Length).CopyTo(scores);
            for (var masked = ~allowed[word]; masked != 0; masked &= masked - 1)
                if (BitOperations.TrailingZeroCount(masked) is var bit && bit < scores.Length)
                    scores[bit] = float.NegativeInfinity;
        }
    }

    /// <summary>Takes a token out; a list that is written down loses it by AtLeast.</summary>
    public void Forbid(int id) => Set(id, float.NegativeInfinity);

    /// <summary>Gives a token another score; one that is out stays out.</summary>
    public void Rescore(int id, float score)
    {
        if (!float.IsNegativeInfinity(_scores[id]))
            Set(id, Finite(score));
    }

    // However large a penalty is, it makes a token unlikely and does not forbid it: it may be the only one allowed.
    private static float Finite(float score) =>
        float.IsNegativeInfinity(score) ? float.MinValue : Math.Min(score, float.MaxValue);

    private void Set(int id, float score)
    {
        _scores[id] = score;
        if (_order == Order.BestFirst)
            _order = Order.None;
    }

    /// <summary>Divides all scores by a positive number, which leaves their order as it is.</summary>
    public void Divide(float divisor)
    {
        if (_whole)
            LogitScan.Divide(_scores, divisor);
        else
            foreach (var id in Ids)
                _scores[id] /= divisor;
    }

    /// <summary>The largest score; -∞ where no token is left.</summary>
    public float Max()
    {
        if (_whole)
            return _selection.Max(_scores);
        var max = float.NegativeInfinity;
        foreach (var id in _ids.AsSpan(0, _order == Order.BestFirst ? Math.Min(1, _count) : _count))
            max = Math.Max(max, _scores[id]);
        return max;
    }

    /// <summary>The standard deviation of the scores.</summary>
    public double Deviation()
    {
        var ids = Ids;
        double sum = 0, squares = 0;
        // Relative to one of them, so that squares of large scores do not cancel.
        var origin = ids.IsEmpty ? 0 : _scores[ids[0]];
        foreach (var id in ids)
        {
            var x = (double)_scores[id] - origin;
            sum += x;
            squares += x * x;
        }

        var mean = sum / ids.Length;
        return Math.Sqrt(Math.Max(0, squares / ids.Length - mean * mean));
    }

    /// <summary>The best token, of equals the lowest id; -1 where none is left.</summary>
    public int Best()
    {
        var max = Max();
        if (float.IsNegativeInfinity(max))
            return -1;
        if (_whole)
            return _scores.AsSpan().IndexOf(max);
        var best = int.MaxValue;
        foreach (var id in Ids)
            if (_scores[id] == max)
                best = Math.Min(best, id);
        return best;
    }

    /// <summary>exp(score − max) of every token of the list, in its order, and their sum.</summary>
    public ReadOnlySpan<float> Powers(out double sum)
    {
        var ids = Ids;
        var powers = _powers.AsSpan(0, ids.Length);
        for (var i = 0; i < ids.Length; i++)
            powers[i] = _scores[ids[i]];
        sum = LogitScan.Exp(powers, powers, Max());
        return powers;
    }

    /// <summary>Σ exp(score − max) over the list, without writing it down.</summary>
    public double PowerSum()
    {
        if (_whole)
            return LogitScan.Exp(_powers, _scores, Max());
        Powers(out var sum);
        return sum;
    }

    /// <summary>The k best tokens or more, best first; drops none.</summary>
    public ReadOnlySpan<int> Leading(int k)
    {
        // A selection reads the vocabulary once; sorting a long list takes ten times as long.
        if (!_whole && _order != Order.BestFirst && k < _count / 16)
            Spread();
        if (_whole)
        {
            var best = _selection.Best(_scores, k);
            Write(best);
            return _ids.AsSpan(0, best.Length);
        }

        if (_order != Order.BestFirst)
        {
            var ranks = Ranks;
            for (var i = 0; i < ranks.Length; i++)
                ranks[i] = TopSelection.Rank(_scores[_ids[i]], _ids[i]);
            Arrange();
            _order = Order.BestFirst;
        }

        return Ids;
    }

    // Back to the whole vocabulary: what the list has lost gets -∞.
    private void Spread()
    {
        var ids = _ids.AsSpan(0, _count);
        for (var i = 0; i < ids.Length; i++)
            _powers[i] = _scores[ids[i]];
        _scores.AsSpan().Fill(float.NegativeInfinity);
        for (var i = 0; i < ids.Length; i++)
            _scores[ids[i]] = _powers[i];
        (_whole, _order) = (true, Order.ById);
    }

    /// <summary>One number for each token of the list to order it by, the id in the lower half.</summary>
    public Span<ulong> Ranks => _selection.Ranks(Ids.Length);

    /// <summary>Orders the list by the <see cref="Ranks"/> just written.</summary>
    public void Arrange()
    {
        var ranks = Ranks;
        ranks.Sort();
        Write(ranks);
        _order = Order.None;
    }

    /// <summary>The list becomes the first tokens of what <see cref="Leading"/> or Arrange has put in order.</summary>
    public void Keep(int count)
    {
        if (_whole)
            (_whole, _order) = (false, Order.BestFirst);
        _count = count;
    }

    /// <summary>Keeps one token.</summary>
    public void Only(int id) => (_ids[0], _count, _whole, _order) = (id, 1, false, Order.ById);

    /// <summary>Keeps the tokens whose score is at least the floor.</summary>
    public void AtLeast(float floor)
    {
        if (_whole)
        {
            _count = LogitScan.AtLeast(_ids, _scores, Math.Max(floor, float.MinValue));
            (_whole, _order) = (false, Order.ById);
            return;
        }

        var kept = 0;
        foreach (var id in Ids)
            if (_scores[id] >= floor)
                _ids[kept++] = id;
        _count = kept;
    }

    /// <summary>The list by ascending id, in which a draw walks it.</summary>
    public ReadOnlySpan<int> ById()
    {
        var ids = Ids;
        if (_order != Order.ById)
            _ids.AsSpan(0, _count).Sort();
        _order = Order.ById;
        return ids;
    }

    private void Write(ReadOnlySpan<ulong> ranks)
    {
        for (var i = 0; i < ranks.Length; i++)
            _ids[i] = TopSelection.IdOf(ranks[i]);
    }
}
