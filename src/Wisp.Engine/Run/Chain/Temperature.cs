namespace Wisp.Run.Chain;

/// <summary>
/// Divides the scores by a temperature, fixed or by the entropy of the distribution: cool where the model is sure, hot
/// where it is not.
/// </summary>
/// <remarks>
/// T = low + (high − low)·(H / ln n)^x with H = −Σ p·ln p over n tokens, low = max(0, T₀ − range), high = T₀ + range.
/// llama.cpp calls it dynamic temperature (dynatemp); Zhang et al. 2024, "EDT: Improving Large Language Models'
/// Generation by Entropy-based Dynamic Temperature Sampling", arXiv:2403.14541, has the idea with another curve.
/// </remarks>
internal static class Temperature
{
    public static void Apply(Candidates candidates, float temperature, float range, float exponent) =>
        Divide(candidates, range > 0 ? Dynamic(candidates, temperature, range, exponent) : temperature);

    private static float Dynamic(Candidates candidates, float temperature, float range, float exponent)
    {
        var powers = candidates.Powers(out var sum);
        if (powers.Length < 2)
            return 1; // one token has no entropy to speak of, and no temperature changes it
        var entropy = 0.0;
        foreach (var power in powers)
            if (power > 0)
                entropy -= power / sum * Math.Log(power / sum);
        var low = Math.Max(0, temperature - range);
        var share = Math.Pow(Math.Min(1, entropy / Math.Log(powers.Length)), exponent);
        return (float)(low + (temperature + range - low) * share);
    }

    private static void Divide(Candidates candidates, float temperature)
    {
        // A quotient past 1e30 means that any two scores that differ by a rounding step differ by 1e22 after it: the
        // others have probability 0. This is argmax without the division that would give ∞ − ∞.
        if (!(Math.Abs(candidates.Max()) / temperature < 1e30f))
        {
            candidates.Only(candidates.Best());
            return;
        }

        if (temperature != 1)
            candidates.Divide(temperature);
    }
}
