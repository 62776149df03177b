using Wisp.Compute;

namespace Wisp.Run;

/// <summary>
/// Picks tokens by <see cref="Sampling"/>. One sampler belongs to one running text: it holds the generator and the
/// scratch memory, so that a pick allocates nothing.
/// </summary>
/// <remarks>
/// Equal logits rank by id, the lower first. A draw walks the survivors by ascending id, so a seed gives the same text
/// wherever the logits are the same. Logits of -∞ are never picked: that is how a grammar or a mask excludes tokens.
/// </remarks>
public sealed class Sampler
{
    private readonly Sampling _sampling;
    private readonly float[] _scores;        // (V), logits after penalties
    private readonly int[] _counts;          // (V) or empty; all zero between calls
    private readonly ulong[] _ranks;         // (V), see Rank
    private readonly int[] _ids;             // (V), survivors
    private readonly float[] _probabilities; // (V), of the survivors
    private SplitMix64 _random;

    public Sampler(Sampling sampling, ulong seed, int vocabularySize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularySize);
        sampling.Check();
        _sampling = sampling;
        _random = new SplitMix64(seed);
        _scores = new float[vocabularySize];
        _counts = new int[sampling.HasPenalties ? vocabularySize : 0];
        _ranks = new ulong[vocabularySize];
        _ids = new int[vocabularySize];
        _probabilities = new float[vocabularySize];
    }

    /// <summary>Picks the next token.</summary>
    /// <param name="logits">(V), one score a token.</param>
    /// <param name="history">The tokens so far, oldest first; only the penalties look at them.</param>
    public int Pick(ReadOnlySpan<float> logits, ReadOnlySpan<int> history)
    {
        if (_sampling.Temperature == 0)
            return Score(logits, history);

        var survivors = Distribution(logits, history);
        var coin = _random.NextUnit();
        for (var i = 0; i + 1 < survivors.Ids.Length; i++)
        {
            coin -= survivors.Probabilities[i];
            if (coin < 0)
                return survivors.Ids[i];
        }

        return survivors.Ids[^1]; // the probabilities may add up to a hair less than the coin
    }

    /// <summary>
    /// The distribution that <see cref="Pick"/> draws from. Draws nothing itself; valid until the next call.
    /// </summary>
    public Survivors Distribution(ReadOnlySpan<float> logits, ReadOnlySpan<int> history)
    {
        var best = Score(logits, history);
        var max = _scores[best];
        var count = 1;
        if (_sampling.Temperature == 0)
            _ids[0] = best;
        else
            count = Cut(max);

        var sum = 0.0;
        for (var i = 0; i < count; i++)
        {
            // Minus max before the division: a tiny temperature then sends the others to 0 and not the best to ∞.
            var power = count == 1 ? 1 : MathF.Exp((_scores[_ids[i]] - max) / _sampling.Temperature);
            _probabilities[i] = power;
            sum += power;
        }

        for (var i = 0; i < count; i++)
            _probabilities[i] = (float)(_probabilities[i] / sum);
        return new Survivors(_ids.AsSpan(0, count), _probabilities.AsSpan(0, count));
    }

    /// <summary>Copies the logits, applies the penalties and returns the id of the largest.</summary>
    private int Score(ReadOnlySpan<float> logits, ReadOnlySpan<int> history)
    {
        if (logits.Length != _scores.Length)
            throw new ArgumentException(
                $"{logits.Length} logits for a vocabulary of {_scores.Length}.", nameof(logits));
        logits.CopyTo(_scores);
        if (_counts.Length > 0)
            Penalise(history[^Math.Min(history.Length, _sampling.PenaltyWindow)..]);

        var best = 0;
        for (var id = 0; id < _scores.Length; id++)
        {
            if (!(_scores[id] <= float.MaxValue))
                throw new ArgumentException(
                    $"The logit of token {id} is {_scores[id]}: the weights are damaged or diverged.", nameof(logits));
            if (_scores[id] > _scores[best])
                best = id;
        }

        return float.IsNegativeInfinity(_scores[best])
            ? throw new ArgumentException("All logits are -∞: no token is left to pick.", nameof(logits))
            : best;
    }

    private void Penalise(ReadOnlySpan<int> window)
    {
        foreach (var id in window)
        {
            if ((uint)id >= (uint)_counts.Length)
            {
                Array.Clear(_counts);
                throw new ArgumentException($"The history holds token {id}; the vocabulary has {_counts.Length}.");
            }

            _counts[id]++;
        }

        foreach (var id in window)
        {
            if (_counts[id] == 0)
                continue; // seen earlier in the window
            ref var score = ref _scores[id];
            score = score <= 0 ? score * _sampling.RepeatPenalty : score / _sampling.RepeatPenalty;
            score -= _counts[id] * _sampling.FrequencyPenalty + _sampling.PresencePenalty;
            _counts[id] = 0;
        }
    }

    /// <summary>Top-k, top-p and min-p: writes the ids that survive, ascending, and returns how many.</summary>
    private int Cut(float max)
    {
        var V = _scores.Length;
        var k = _sampling.TopK > 0 ? Math.Min(_sampling.TopK, V) : V;
        var floor = _sampling.MinP > 0 ? max + MathF.Log(_sampling.MinP) : float.MinValue;
        var count = 0;
        if (k == V && _sampling.TopP >= 1)
        {
            for (var id = 0; id < V; id++)
                if (_scores[id] >= floor)
                    _ids[count++] = id;
            return count;
        }

        // Top-p needs the sum over all that top-k left, and the order of the best. Without top-k the whole vocabulary
        // is summed, but only what min-p will leave is worth sorting: at most 20 tokens for 0.05.
        var total = 0.0;
        if (k == V)
            foreach (var score in _scores)
                total += Math.Exp(score - max);
        var ranks = Best(k, k == V ? floor : float.MinValue);
        if (k < V)
            foreach (var rank in ranks)
                total += Math.Exp(_scores[IdOf(rank)] - max);

        var sum = 0.0;
        do
        {
            var id = IdOf(ranks[count]);
            sum += Math.Exp(_scores[id] - max);
            _ids[count++] = id;
        }
        while (count < ranks.Length && (_sampling.TopP >= 1 || sum < _sampling.TopP * total)
            && _scores[IdOf(ranks[count])] >= floor);

        _ids.AsSpan(0, count).Sort();
        return count;
    }

    /// <summary>The ranks of the k best scores that are at least <paramref name="floor"/>, best first.</summary>
    private ReadOnlySpan<ulong> Best(int k, float floor)
    {
        // Collect up to 2k, sort, forget the worse half, go on with a higher bar: O(V + k log k) for logits in any
        // usual order, and O(V log k) at worst.
        var room = (int)Math.Min(2L * k, _ranks.Length);
        var (kept, bar) = (0, ulong.MaxValue);
        for (var id = 0; id < _scores.Length; id++)
        {
            var rank = Rank(_scores[id], id);
            if (rank >= bar || !(_scores[id] >= floor))
                continue;
            _ranks[kept++] = rank;
            if (kept == room)
            {
                _ranks.AsSpan(0, kept).Sort();
                kept = k;
                bar = _ranks[k - 1];
            }
        }

        _ranks.AsSpan(0, kept).Sort();
        return _ranks.AsSpan(0, Math.Min(k, kept));
    }

    /// <summary>
    /// One number that sorts by score, best first, then by id: the upper half is the score's bits, turned so that
    /// larger floats give smaller integers (IEEE 754 orders like sign-magnitude integers), the lower half is the id.
    /// </summary>
    private static ulong Rank(float score, int id)
    {
        var bits = BitConverter.SingleToUInt32Bits(score + 0f); // -0 becomes 0: they are equal scores
        return (ulong)((bits & 0x80000000) != 0 ? bits : bits ^ 0x7FFFFFFF) << 32 | (uint)id;
    }

    private static int IdOf(ulong rank) => (int)(uint)rank;
}

/// <summary>What is left after all cuts: ids, ascending, and their probabilities, which add up to 1.</summary>
public readonly ref struct Survivors(ReadOnlySpan<int> ids, ReadOnlySpan<float> probabilities)
{
    public ReadOnlySpan<int> Ids { get; } = ids;

    public ReadOnlySpan<float> Probabilities { get; } = probabilities;
}
