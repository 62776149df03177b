namespace Wisp.Train.Align.Losses;

/// <summary>
/// Learning from single answers that were called good or bad, without pairs: w·(1 − σ(±β(u − z))) with
/// u = ln π(y) − ln π₀(y), plus for the good ones, and z an estimate of the divergence from the reference that carries
/// no gradient. Ethayarajh et al. 2024, arXiv:2402.01306, eq. 8.
/// </summary>
public static class Kto
{
    /// <summary>
    /// max(0, mean(ln π − ln π₀)) over answers that belong to other prompts of the batch.
    /// </summary>
    public static double Divergence(ReadOnlySpan<float> policy, ReadOnlySpan<float> reference)
    {
        var sum = 0.0;
        for (var n = 0; n < policy.Length; n++)
            sum += (double)policy[n] - reference[n];
        return Math.Max(0, sum / policy.Length);
    }

    /// <summary>Mean loss; writes each answer's own and the gradient of the mean by u.</summary>
    public static double Loss(
        Span<float> losses, Span<float> du, ReadOnlySpan<float> u, ReadOnlySpan<bool> isGood, double z, double beta,
        double goodWeight = 1, double badWeight = 1)
    {
        var sum = 0.0;
        for (var n = 0; n < u.Length; n++)
        {
            var (sign, weight) = isGood[n] ? (1, goodWeight) : (-1, badWeight);
            var value = Logistic.Sigmoid(sign * beta * (u[n] - z));
            sum += weight * (1 - value);
            losses[n] = (float)(weight * (1 - value));
            du[n] = (float)(-weight * sign * beta * value * (1 - value) / u.Length);
        }

        return sum / u.Length;
    }
}
