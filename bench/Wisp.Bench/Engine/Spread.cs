namespace Wisp.Bench.Engine;

/// <summary>Repeated measurements of one thing: the middle one, and how far they lie apart.</summary>
internal sealed record Spread(double Median, double Min, double Max)
{
    public static Spread Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0)
            throw new ArgumentException("Nothing was measured.", nameof(values));
        var half = sorted.Length / 2;
        var median = sorted.Length % 2 == 1 ? sorted[half] : (sorted[half] + sorted[half - 1]) / 2;
        return new(median, sorted[0], sorted[^1]);
    }
}
