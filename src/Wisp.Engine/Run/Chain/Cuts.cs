namespace Wisp.Run.Chain;

/// <summary>The members of the chain that take a few lines; <see cref="Sampling"/> has the papers.</summary>
internal static class Cuts
{
    public static void TopK(Candidates candidates, int k)
    {
        if (k > 0)
            candidates.Keep(Math.Min(k, candidates.Leading(k).Length));
    }

    /// <summary>The most likely tokens until their probabilities reach p; the one that crosses p stays.</summary>
    public static void TopP(Candidates candidates, float p, int minKeep)
    {
        if (p >= 1)
            return;

        // How many are needed is not known before: 128 first, which is nearly always enough, then eight times more.
        // The sum restarts with them, so that it is over one order.
        // A share is rounded to a float before it is compared: p is one, and 0.8f lies above the 16/20 that it means.
        var (max, total) = (candidates.Max(), candidates.PowerSum());
        for (var k = 128L; ; k *= 8)
        {
            var best = candidates.Leading((int)Math.Min(k, candidates.VocabularySize));
            var (kept, sum) = (0, 0.0);
            do
                sum += Math.Exp(candidates[best[kept++]] - max);
            while (kept < best.Length && ((float)(sum / total) < p || kept < minKeep));
            if (kept < best.Length || best.Length != k)
            {
                candidates.Keep(kept);
                return;
            }
        }
    }

    /// <summary>Tokens at least p times as likely as the most likely.</summary>
    public static void MinP(Candidates candidates, float p, int minKeep)
    {
        if (p <= 0)
            return;
        var floor = candidates.Max() + MathF.Log(p);
        if (minKeep > 1 && candidates.Leading(minKeep) is var best
            && candidates[best[Math.Min(minKeep, best.Length) - 1]] < floor)
            candidates.Keep(Math.Min(minKeep, best.Length));
        else
            candidates.AtLeast(floor);
    }

    /// <summary>Tokens whose score is within n standard deviations of the largest.</summary>
    public static void TopNSigma(Candidates candidates, float n)
    {
        if (n > 0)
            candidates.AtLeast((float)(candidates.Max() - n * candidates.Deviation()));
    }

    /// <summary>
    /// Of the tokens at least as likely as the threshold, all but the least likely go: what is left is a good choice,
    /// but not the obvious one. Happens to the given share of tokens.
    /// </summary>
    public static void Xtc(Candidates candidates, float threshold, int minKeep)
    {
        // Above a half there is never a second token to choose instead.
        if (threshold > 0.5f)
            return;
        var count = minKeep > 1 ? candidates.Ids.Length : int.MaxValue;
        // So many tokens can reach the threshold, and one for the rounding.
        var most = (int)Math.Min(1 / threshold + 1, candidates.VocabularySize);
        var (max, floor) = (candidates.Max(), threshold * candidates.PowerSum());
        var best = candidates.Leading(most);
        var obvious = 0;
        while (obvious < best.Length && Math.Exp(candidates[best[obvious]] - max) >= floor)
            obvious++;
        if (obvious < 2 || count - (obvious - 1) < minKeep)
            return;
        foreach (var id in best[..(obvious - 1)])
            candidates.Forbid(id);
        candidates.AtLeast(float.MinValue);
    }
}
