using Wisp.Train.Align.Losses;

namespace Wisp.Train.Align.Pairs;

/// <summary>How well margins (chosen less rejected) tell which answer was liked better.</summary>
public sealed record PairFigures(double Loss, Proportion Accuracy, double MeanMargin, double CalibrationError)
{
    private const int Bins = 10;

    /// <summary>
    /// Loss −ln σ(m), hits m &gt; 0, and the expected calibration error of σ(|m|) as the certainty of being right, over
    /// ten bins of equal width. Guo et al. 2017, arXiv:1706.04599, eq. 3.
    /// </summary>
    public static PairFigures Of(ReadOnlySpan<float> margins)
    {
        double loss = 0, sum = 0;
        var hits = 0;
        var bins = new (int Count, int Hits, double Certainty)[Bins];
        foreach (var margin in margins)
        {
            loss -= Logistic.LogSigmoid(margin);
            sum += margin;
            var hit = margin > 0 ? 1 : 0;
            hits += hit;
            var certainty = Logistic.Sigmoid(Math.Abs(margin));
            ref var bin = ref bins[Math.Min(Bins - 1, (int)((certainty - 0.5) * 2 * Bins))];
            bin = (bin.Count + 1, bin.Hits + hit, bin.Certainty + certainty);
        }

        var error = bins.Sum(bin => Math.Abs(bin.Hits - bin.Certainty)) / margins.Length;
        return new PairFigures(
            loss / margins.Length, new Proportion(hits, margins.Length), sum / margins.Length, error);
    }
}
