namespace Wisp.Train.Align.Losses;

/// <summary>
/// How much better than expected what was written turned out. Spans are (N, T), row by row; a row counts up to its
/// length, and what stands behind is not read and comes out as 0.
/// </summary>
public static class Advantage
{
    /// <summary>
    /// The reward of every token: −κ·(ln π_old − ln π₀), and at the last one the score of the whole answer besides.
    /// Ouyang et al. 2022, arXiv:2203.02155, eq. 2.
    /// </summary>
    public static void Rewards(
        Span<float> rewards, ReadOnlySpan<float> old, ReadOnlySpan<float> reference, ReadOnlySpan<float> scores,
        ReadOnlySpan<int> lengths, int T, double kl)
    {
        rewards.Clear();
        for (var n = 0; n < lengths.Length; n++)
            for (var t = 0; t < lengths[n]; t++)
            {
                var i = (n * T) + t;
                rewards[i] = (float)((-kl * ((double)old[i] - reference[i]))
                    + (t == lengths[n] - 1 ? scores[n] : 0));
            }
    }

    /// <summary>
    /// Generalised advantage estimation: A_t = Σ_k (γλ)ᵏ·δ_{t+k} with δ_t = r_t + γ·V_{t+1} − V_t, V being 0 behind the
    /// end; and the returns A + V. Schulman et al. 2015, arXiv:1506.02438, eq. 16.
    /// </summary>
    public static void Gae(
        Span<float> advantages, Span<float> returns, ReadOnlySpan<float> rewards, ReadOnlySpan<float> values,
        ReadOnlySpan<int> lengths, int T, double gamma, double lambda)
    {
        advantages.Clear();
        returns.Clear();
        for (var n = 0; n < lengths.Length; n++)
        {
            double next = 0, ahead = 0;
            for (var t = lengths[n] - 1; t >= 0; t--)
            {
                var i = (n * T) + t;
                ahead = rewards[i] + (gamma * next) - values[i] + (gamma * lambda * ahead);
                next = values[i];
                advantages[i] = (float)ahead;
                returns[i] = (float)(ahead + values[i]);
            }
        }
    }

    /// <summary>(A − mean)/√(var + 1e-8) over all that counts, the variance with n − 1.</summary>
    public static void Whiten(Span<float> advantages, ReadOnlySpan<int> lengths, int T)
    {
        double sum = 0, squares = 0;
        var count = 0;
        for (var n = 0; n < lengths.Length; n++)
            foreach (var value in advantages.Slice(n * T, lengths[n]))
                (sum, count) = (sum + value, count + 1);
        var mean = sum / count;
        for (var n = 0; n < lengths.Length; n++)
            foreach (var value in advantages.Slice(n * T, lengths[n]))
                squares += (value - mean) * (value - mean);
        var scale = 1 / Math.Sqrt((squares / Math.Max(1, count - 1)) + 1e-8);
        for (var n = 0; n < lengths.Length; n++)
            foreach (ref var value in advantages.Slice(n * T, lengths[n]))
                value = (float)((value - mean) * scale);
    }

    /// <summary>
    /// (R − mean)/(std + 1e-4) within each group of answers to one prompt, which stand together. Shao et al. 2024,
    /// arXiv:2402.03300, section 4.1.2. Equal rewards teach nothing and give 0.
    /// </summary>
    public static void Grouped(Span<float> advantages, ReadOnlySpan<float> rewards, int groupSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(groupSize, 2);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rewards.Length % groupSize, 0);
        for (var from = 0; from < rewards.Length; from += groupSize)
        {
            double mean = 0, squares = 0;
            foreach (var reward in rewards.Slice(from, groupSize))
                mean += (double)reward / groupSize;
            foreach (var reward in rewards.Slice(from, groupSize))
                squares += (reward - mean) * (reward - mean);
            var std = Math.Sqrt(squares / (groupSize - 1));
            for (var i = from; i < from + groupSize; i++)
                advantages[i] = (float)((rewards[i] - mean) / (std + 1e-4));
        }
    }
}
