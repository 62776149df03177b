namespace Wisp.Train.Align.Losses;

/// <summary>
/// Losses on h = (ln π(c) − ln π₀(c)) − (ln π(r) − ln π₀(r)): how much more than the reference π₀ the policy π prefers
/// the chosen answer c to the rejected one r. Each writes the pairs' losses and the gradient of their mean by h.
/// </summary>
public static class DirectPreference
{
    /// <summary>
    /// −(1−ε)·ln σ(βh) − ε·ln σ(−βh). Rafailov et al. 2023, arXiv:2305.18290, eq. 7, and for labels that are wrong with
    /// probability ε the conservative form of Mitchell 2023.
    /// </summary>
    public static double Dpo(
        Span<float> losses, Span<float> dh, ReadOnlySpan<float> h, double beta, double smoothing = 0)
    {
        var sum = 0.0;
        for (var n = 0; n < h.Length; n++)
        {
            var x = beta * h[n];
            var loss = -((1 - smoothing) * Logistic.LogSigmoid(x)) - (smoothing * Logistic.LogSigmoid(-x));
            sum += loss;
            losses[n] = (float)loss;
            dh[n] = (float)(beta * ((smoothing * Logistic.Sigmoid(x)) - ((1 - smoothing) * Logistic.Sigmoid(-x)))
                / h.Length);
        }

        return sum / h.Length;
    }

    /// <summary>
    /// (h − 1/2β)². Azar et al. 2023, arXiv:2310.12036, eq. 17: it stops pulling once the margin is there, where DPO
    /// goes on for ever on pairs that never contradict each other.
    /// </summary>
    public static double Ipo(Span<float> losses, Span<float> dh, ReadOnlySpan<float> h, double beta)
    {
        var sum = 0.0;
        for (var n = 0; n < h.Length; n++)
        {
            var error = h[n] - (1 / (2 * beta));
            sum += error * error;
            losses[n] = (float)(error * error);
            dh[n] = (float)(2 * error / h.Length);
        }

        return sum / h.Length;
    }
}
