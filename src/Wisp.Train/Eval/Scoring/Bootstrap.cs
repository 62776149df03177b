using Wisp.Compute;

namespace Wisp.Train.Eval.Scoring;

/// <summary>
/// The interval of a mean by drawing the items again with replacement: Efron and Tibshirani 1993, chapter 13, the
/// percentile interval. For scores that are no shares, such as F1.
/// </summary>
public static class Bootstrap
{
    private const int Draws = 1000;

    public static Metric Mean(string name, IReadOnlyList<double> scores, ulong seed)
    {
        if (scores.Count == 0)
            return new Metric(name, 0, 0, 1, 0, "none");
        var random = new SplitMix64(seed);
        var means = new double[Draws];
        for (var d = 0; d < Draws; d++)
        {
            var sum = 0.0;
            for (var i = 0; i < scores.Count; i++)
                sum += scores[(int)Math.BigMul(random.Next(), (ulong)scores.Count, out _)];
            means[d] = sum / scores.Count;
        }

        Array.Sort(means);
        return new Metric(
            name, scores.Average(), means[(int)(0.025 * Draws)], means[(int)(0.975 * Draws)], scores.Count,
            "bootstrap");
    }
}
