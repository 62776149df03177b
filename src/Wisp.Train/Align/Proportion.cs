namespace Wisp.Train.Align;

/// <summary>A share of hits with the interval in which the true one lies with 95 % certainty.</summary>
/// <remarks>
/// Wilson 1927: (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n). Unlike p ± z·√(p(1−p)/n) it holds for few trials and
/// for shares near 0 and 1.
/// </remarks>
public readonly record struct Proportion(long Hits, long Trials)
{
    private const double Z = 1.959963984540054; // of the normal distribution, 97.5 % lie below

    public double Share => Trials == 0 ? double.NaN : (double)Hits / Trials;

    public (double Low, double High) Interval
    {
        get
        {
            if (Trials == 0)
                return (0, 1);
            double n = Trials, p = Share, centre = p + (Z * Z / (2 * n)),
                half = Z * Math.Sqrt((p * (1 - p) / n) + (Z * Z / (4 * n * n)));
            return (Math.Max(0, (centre - half) / (1 + (Z * Z / n))), Math.Min(1, (centre + half) / (1 + (Z * Z / n))));
        }
    }

    public override string ToString() =>
        $"{Share:p1} of {Trials:n0} (95 % interval {Interval.Low:p1} to {Interval.High:p1})";
}
