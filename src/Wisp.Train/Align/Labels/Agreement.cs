namespace Wisp.Train.Align.Labels;

/// <summary>
/// How far two series of verdicts on the same pairs agree, beyond what chance gives: Cohen 1960, "A Coefficient of
/// Agreement for Nominal Scales", with the standard error of Fleiss, Cohen and Everitt 1969, "Large Sample Standard
/// Errors of Kappa and Weighted Kappa", eq. 13.
/// </summary>
/// <remarks>
/// With shares p(i,j) of pairs that one called i and the other j, their sums p(i,·) and p(·,j), po = Σ p(i,i) and
/// pe = Σ p(i,·)·p(·,i):  κ = (po − pe) / (1 − pe)  and  n·(1 − pe)⁴·σ² = Σᵢ p(i,i)·[(1 − pe) − (p(·,i) + p(i,·))·
/// (1 − po)]² + (1 − po)²·Σ{i≠j} p(i,j)·(p(·,i) + p(j,·))² − (po·pe − 2·pe + po)².
/// The interval is κ ± 1.96·σ; it is for many pairs, and a few say little either way.
/// </remarks>
public sealed class Agreement
{
    private const double Z = 1.959963984540054;

    /// <param name="counts">(i, j): pairs that one called i and the other j.</param>
    public Agreement(long[,] counts)
    {
        var size = counts.GetLength(0);
        ArgumentOutOfRangeException.ThrowIfNotEqual(counts.GetLength(1), size, nameof(counts));
        long same = 0, all = 0;
        double[] rows = new double[size], columns = new double[size];
        for (var i = 0; i < size; i++)
            for (var j = 0; j < size; j++)
            {
                all += counts[i, j];
                rows[i] += counts[i, j];
                columns[j] += counts[i, j];
                same += i == j ? counts[i, j] : 0;
            }

        Same = new Proportion(same, all);
        if (all == 0)
            return;
        var (n, po, pe) = ((double)all, (double)same / all, 0.0);
        for (var i = 0; i < size; i++)
        {
            (rows[i], columns[i]) = (rows[i] / n, columns[i] / n);
            pe += rows[i] * columns[i];
        }

        // Both used one and the same verdict throughout: chance alone explains all of it.
        if (pe >= 1)
            return;
        var kappa = (po - pe) / (1 - pe);
        var sum = -Square((po * pe) - (2 * pe) + po);
        for (var i = 0; i < size; i++)
            for (var j = 0; j < size; j++)
                sum += counts[i, j] / n * (i == j
                    ? Square(1 - pe - ((columns[i] + rows[i]) * (1 - po)))
                    : Square((1 - po) * (columns[i] + rows[j])));
        var half = Z * Math.Sqrt(Math.Max(0, sum) / n) / Square(1 - pe);
        Kappa = kappa;
        Interval = (Math.Max(-1, kappa - half), Math.Min(1, kappa + half));
    }

    /// <summary>Pairs with the same verdict, of all.</summary>
    public Proportion Same { get; }

    /// <summary>1 is perfect and 0 what chance gives; null where it cannot be told.</summary>
    public double? Kappa { get; }

    /// <summary>Where the true kappa lies with 95 % certainty, for many pairs.</summary>
    public (double Low, double High)? Interval { get; }

    private static double Square(double x) => x * x;
}
