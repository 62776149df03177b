namespace Wisp.Train.Data;

/// <summary>
/// A permutation that depends on nothing but its key, on every machine and runtime: Fisher and Yates 1938 with the
/// SplitMix64 generator of Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number Generators", figure 16.
/// </summary>
internal static class Shuffle
{
    public static void Permutation(Span<int> order, ulong key)
    {
        for (var i = 0; i < order.Length; i++)
            order[i] = i;
        for (var i = order.Length - 1; i > 0; i--)
        {
            // The high word of draw·(i+1) is uniform up to a bias of (i+1)/2⁶⁴.
            var j = (int)Math.BigMul(Next(ref key), (ulong)i + 1, out _);
            (order[i], order[j]) = (order[j], order[i]);
        }
    }

    /// <summary>One key from several, such that neighbouring ones share nothing.</summary>
    public static ulong Key(ulong seed, ulong stream, ulong epoch)
    {
        var key = seed;
        key = Next(ref key) + stream;
        key = Next(ref key) + epoch;
        return Next(ref key);
    }

    private static ulong Next(ref ulong state)
    {
        var z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
