using Wisp.Compute;

namespace Wisp.Run.Chain;

/// <summary>
/// The k best of a vocabulary, best first, without sorting the vocabulary. Equal scores rank by id, the lower first.
/// </summary>
/// <remarks>
/// The k-th largest of the blocks' maxima is a floor under the k-th largest score, for k blocks reach it. So one pass
/// takes the maxima, and only blocks that reach the floor are looked into: about k of them, whatever the order of the
/// scores. O(V + k log k), and O(V log k) at worst, where nearly all scores are equal.
/// </remarks>
internal sealed class TopSelection(int V)
{
    private readonly ulong[] _ranks = new ulong[V];
    private readonly float[] _peaks = new float[LogitScan.Blocks(V)];

    /// <summary>The ranks of the k best scores from the floor up; valid until the next call.</summary>
    /// <param name="scores">(V), none of them NaN.</param>
    public ReadOnlySpan<ulong> Best(ReadOnlySpan<float> scores, int k, float floor = float.MinValue)
    {
        k = Math.Min(k, V);
        LogitScan.BlockMax(_peaks, scores);
        if (k < _peaks.Length)
        {
            var peaks = Collect(_peaks, k, floor, blocks: false);
            if (peaks.Length == k)
                floor = Math.Max(floor, _peaks[IdOf(peaks[^1])]);
        }

        return Collect(scores, k, floor, blocks: true);
    }

    /// <summary>The largest score.</summary>
    public float Max(ReadOnlySpan<float> scores)
    {
        LogitScan.BlockMax(_peaks, scores);
        var max = float.NegativeInfinity;
        foreach (var peak in _peaks)
            max = Math.Max(max, peak);
        return max;
    }

    /// <summary>Room for the ranks of a list, to be sorted by whoever asks; not valid together with Best.</summary>
    public Span<ulong> Ranks(int count) => _ranks.AsSpan(0, count);

    // Up to 2k are collected, sorted, and the worse half forgotten, which raises the bar for those to come.
    private ReadOnlySpan<ulong> Collect(ReadOnlySpan<float> scores, int k, float floor, bool blocks)
    {
        var room = (int)Math.Min(2L * k, _ranks.Length);
        var (kept, bar) = (0, ulong.MaxValue);
        for (var id = 0; id < scores.Length; id++)
        {
            if (blocks && id % LogitScan.BlockFloats == 0 && _peaks[id / LogitScan.BlockFloats] < floor)
            {
                id += LogitScan.BlockFloats - 1;
                continue;
            }

            var rank = Rank(scores[id], id);
            if (rank >= bar || !(scores[id] >= floor))
                continue;
            _ranks[kept++] = rank;
            if (kept == room && room > k)
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
    public static ulong Rank(float score, int id)
    {
        var bits = BitConverter.SingleToUInt32Bits(score + 0f); // -0 becomes 0: they are equal scores
        return (ulong)((bits & 0x80000000) != 0 ? bits : bits ^ 0x7FFFFFFF) << 32 | (uint)id;
    }

    public static int IdOf(ulong rank) => (int)(uint)rank;
}
