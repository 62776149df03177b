namespace Wisp.Train.Align.Losses;

/// <summary>How the tokens of many answers become one number.</summary>
public enum Aggregation
{
    /// <summary>The mean of the answers' means: short answers weigh more a token. Shao et al. 2024, eq. 3.</summary>
    PerAnswer,

    /// <summary>The mean over all tokens. Yu et al. 2025, "DAPO", arXiv:2503.14476, eq. 8.</summary>
    PerToken,

    /// <summary>The sum over N·T: no length has a say. Liu et al. 2025, "Dr. GRPO", arXiv:2503.20783.</summary>
    PerPlace,
}

/// <summary>
/// Group relative policy optimisation: per token −min(ρA, clip(ρ, 1−ε, 1+ε)·A) + β·k₃ with ρ = exp(ln π − ln π_old)
/// and the estimator k₃ = exp(ln π₀ − ln π) − (ln π₀ − ln π) − 1 of the divergence, which is never below 0.
/// Shao et al. 2024, "DeepSeekMath", arXiv:2402.03300, eq. 3 and 4; Schulman 2020 for k₃.
/// </summary>
public static class Grpo
{
    /// <summary>The loss, its gradient by ln π, and the mean of k₃ over all that counts.</summary>
    /// <param name="logs">(N, T), as are its gradient, the old and the reference's; a row counts up to its
    /// length.</param>
    /// <param name="advantages">(N): one an answer.</param>
    public static (double Loss, double Divergence) Loss(
        Span<float> dLogs, ReadOnlySpan<float> logs, ReadOnlySpan<float> old, ReadOnlySpan<float> reference,
        ReadOnlySpan<float> advantages, ReadOnlySpan<int> lengths, int T, double clip, double beta,
        Aggregation aggregation)
    {
        dLogs.Clear();
        var count = 0;
        foreach (var length in lengths)
            count += length;
        if (count == 0)
            throw new ArgumentException("Nothing counts in the batch.", nameof(lengths));

        double loss = 0, divergence = 0;
        for (var n = 0; n < lengths.Length; n++)
        {
            var weight = aggregation switch
            {
                Aggregation.PerAnswer => 1.0 / ((double)lengths.Length * Math.Max(1, lengths[n])),
                Aggregation.PerToken => 1.0 / count,
                _ => 1.0 / ((double)lengths.Length * T),
            };
            for (var i = n * T; i < (n * T) + lengths[n]; i++)
            {
                var (surrogate, slope) = Ppo.Surrogate(logs[i], old[i], advantages[n], clip);
                var behind = (double)reference[i] - logs[i];
                var k3 = Math.Exp(behind) - behind - 1;
                divergence += k3;
                loss += weight * (surrogate + (beta * k3));
                dLogs[i] = (float)(weight * (slope + (beta * (1 - Math.Exp(behind)))));
            }
        }

        return (loss, divergence / count);
    }
}
