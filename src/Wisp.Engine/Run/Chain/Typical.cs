namespace Wisp.Run.Chain;

/// <summary>
/// Locally typical sampling: a text that carries about as much surprise as its writer expects reads as human.
/// Meister, Pimentel, Wiher and Cotterell 2023, arXiv:2202.00666, section 4.
/// </summary>
/// <remarks>
/// With the surprise −ln p of a token and its expectation, the entropy H = −Σ p·ln p, tokens are taken by |−ln p − H|,
/// the least first, until their probabilities pass the given mass.
/// </remarks>
internal static class Typical
{
    public static void Apply(Candidates candidates, float mass, int minKeep)
    {
        if (mass >= 1)
            return;
        var max = candidates.Max();
        var powers = candidates.Powers(out var sum);
        var ids = candidates.Ids;
        var logSum = Math.Log(sum);
        var entropy = 0.0;
        for (var i = 0; i < ids.Length; i++)
            entropy += powers[i] / sum * (logSum - (candidates[ids[i]] - max)); // −ln p = ln Σ − (z − max)

        var ranks = candidates.Ranks;
        for (var i = 0; i < ids.Length; i++)
        {
            // Floats that are not negative order like their bits.
            var distance = (float)Math.Abs(logSum - (candidates[ids[i]] - max) - entropy);
            ranks[i] = (ulong)BitConverter.SingleToUInt32Bits(distance) << 32 | (uint)ids[i];
        }

        candidates.Arrange();
        var (kept, taken) = (0, 0.0);
        foreach (var id in candidates.Ids)
        {
            taken += Math.Exp(candidates[id] - max) / sum;
            kept++;
            if (taken > mass && kept >= minKeep)
                break;
        }

        candidates.Keep(kept);
    }
}
