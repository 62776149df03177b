namespace Wisp.Train.Align.Losses;

/// <summary>
/// Proximal policy optimisation. Schulman et al. 2017, arXiv:1707.06347: the clipped surrogate of eq. 7, the value loss
/// clipped the same way, and the entropy that eq. 9 rewards. Spans are (N, T), row by row, of which a row counts up to
/// its length; a mean is over all that counts in the batch. Gradients behind the end are 0.
/// </summary>
public static class Ppo
{
    /// <summary>Mean of max(−A·ρ, −A·clip(ρ, 1−ε, 1+ε)), ρ = exp(ln π − ln π_old), and its gradient by ln π.</summary>
    public static double Policy(
        Span<float> dLogs, ReadOnlySpan<float> logs, ReadOnlySpan<float> old, ReadOnlySpan<float> advantages,
        ReadOnlySpan<int> lengths, int T, double clip)
    {
        dLogs.Clear();
        double sum = 0, count = Count(lengths);
        for (var n = 0; n < lengths.Length; n++)
            for (var i = n * T; i < (n * T) + lengths[n]; i++)
            {
                var (loss, slope) = Surrogate(logs[i], old[i], advantages[i], clip);
                sum += loss;
                dLogs[i] = (float)(slope / count);
            }

        return sum / count;
    }

    /// <summary>
    /// ½·mean of max((v − R)², (clip(v, v_old ± ε) − R)²), R being the returns, and its gradient by v.
    /// </summary>
    public static double Value(
        Span<float> dValues, ReadOnlySpan<float> values, ReadOnlySpan<float> old, ReadOnlySpan<float> returns,
        ReadOnlySpan<int> lengths, int T, double clip)
    {
        dValues.Clear();
        double sum = 0, count = Count(lengths);
        for (var n = 0; n < lengths.Length; n++)
            for (var i = n * T; i < (n * T) + lengths[n]; i++)
            {
                double plain = (double)values[i] - returns[i],
                    near = Math.Clamp(values[i], old[i] - clip, old[i] + clip) - returns[i];
                var isClipped = Math.Abs(near) > Math.Abs(plain);
                sum += isClipped ? near * near : plain * plain;
                // Outside the clip the bound is a constant, unless both are the same.
                dValues[i] = (float)(isClipped ? 0 : plain / count);
            }

        return 0.5 * sum / count;
    }

    /// <summary>The entropy −Σ p·ln p of one row of logits; adds scale times its gradient.</summary>
    /// <remarks>∂H/∂z = −p·(ln p + H).</remarks>
    public static double Entropy(Span<float> dLogits, ReadOnlySpan<float> logits, double scale)
    {
        double max = float.NegativeInfinity, sum = 0, entropy = 0;
        foreach (var z in logits)
            max = Math.Max(max, z);
        foreach (var z in logits)
            sum += Math.Exp(z - max);
        var normaliser = max + Math.Log(sum);
        foreach (var z in logits)
            entropy -= Math.Exp(z - normaliser) * (z - normaliser);
        for (var v = 0; v < logits.Length; v++)
        {
            var log = logits[v] - normaliser;
            dLogits[v] += (float)(-scale * Math.Exp(log) * (log + entropy));
        }

        return entropy;
    }

    /// <summary>The clipped surrogate of one token and its slope by ln π.</summary>
    internal static (double Loss, double Slope) Surrogate(double log, double old, double advantage, double clip)
    {
        var ratio = Math.Exp(log - old);
        double plain = -advantage * ratio, bound = -advantage * Math.Clamp(ratio, 1 - clip, 1 + clip);
        return bound > plain ? (bound, 0) : (plain, plain);
    }

    private static double Count(ReadOnlySpan<int> lengths)
    {
        var count = 0;
        foreach (var length in lengths)
            count += length;
        return count > 0 ? count : throw new ArgumentException("Nothing counts in the batch.", nameof(lengths));
    }
}
