using Wisp.Compute;

namespace Wisp.Train.Data;

/// <summary>
/// A permutation that depends on nothing but its key, on every machine and runtime: Fisher and Yates 1938 over
/// <see cref="SplitMix64"/>.
/// </summary>
internal static class Shuffle
{
    public static void Permutation(Span<int> order, ulong key)
    {
        for (var i = 0; i < order.Length; i++)
            order[i] = i;
        var random = new SplitMix64(key);
        for (var i = order.Length - 1; i > 0; i--)
        {
            // The high word of draw·(i+1) is uniform up to a bias of (i+1)/2⁶⁴.
            var j = (int)Math.BigMul(random.Next(), (ulong)i + 1, out _);
            (order[i], order[j]) = (order[j], order[i]);
        }
    }

    /// <summary>One key from several, such that neighbouring ones share nothing.</summary>
    public static ulong Key(ulong seed, ulong stream, ulong epoch)
    {
        var key = new SplitMix64(seed).Next() + stream;
        key = new SplitMix64(key).Next() + epoch;
        return new SplitMix64(key).Next();
    }
}
