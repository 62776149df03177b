namespace Wisp.Train.Align.Losses;

/// <summary>
/// The loss of a reward model on pairs: −ln σ(c − r − m), c and r being the scores of the chosen and the rejected
/// answer and m a margin. Bradley and Terry 1952; Ouyang et al. 2022, arXiv:2203.02155, eq. 1.
/// </summary>
public static class BradleyTerry
{
    /// <summary>Mean loss; writes each pair's own and the gradients of the mean.</summary>
    /// <param name="margins">One a pair, or empty for 0.</param>
    public static double Loss(
        Span<float> losses, Span<float> dChosen, Span<float> dRejected, ReadOnlySpan<float> chosen,
        ReadOnlySpan<float> rejected, ReadOnlySpan<float> margins = default)
    {
        var sum = 0.0;
        for (var n = 0; n < losses.Length; n++)
        {
            var x = (double)chosen[n] - rejected[n] - (margins.IsEmpty ? 0 : margins[n]);
            var loss = -Logistic.LogSigmoid(x);
            sum += loss;
            losses[n] = (float)loss;
            dChosen[n] = (float)(-Logistic.Sigmoid(-x) / losses.Length);
            dRejected[n] = -dChosen[n];
        }

        return sum / losses.Length;
    }

    /// <summary>Share of pairs whose chosen answer scores higher; a tie is no hit.</summary>
    public static double Accuracy(ReadOnlySpan<float> chosen, ReadOnlySpan<float> rejected)
    {
        var hits = 0;
        for (var n = 0; n < chosen.Length; n++)
            hits += chosen[n] > rejected[n] ? 1 : 0;
        return (double)hits / chosen.Length;
    }
}
