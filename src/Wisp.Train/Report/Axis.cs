using System.Globalization;

namespace Wisp.Train.Report;

/// <summary>One axis of a chart: a range, linear or logarithmic, with ticks at numbers that people count in.</summary>
internal sealed class Axis
{
    private readonly bool _log;
    private readonly double _step;

    private Axis(double min, double max, bool log, double step, IReadOnlyList<double> ticks)
    {
        (Min, Max, _log, _step, Ticks) = (min, max, log, step, ticks);
    }

    public double Min { get; }

    public double Max { get; }

    public IReadOnlyList<double> Ticks { get; }

    /// <summary>From 0 to a count of steps as it is, with ticks at whole numbers inside it.</summary>
    public static Axis Whole(int max, int wanted)
    {
        max = Math.Max(max, 1);
        var step = Math.Max(1, NiceStep((double)max / wanted));
        step = step == 2.5 ? 5 : step;
        return new Axis(0, max, log: false, step, Multiples(0, max, step));
    }

    /// <summary>The range widened to whole ticks: for values.</summary>
    public static Axis Linear(double min, double max, int wanted)
    {
        if (!(max > min))
        {
            // One value only: a band around it, so that it lies in the middle.
            var half = min == 0 ? 1 : Math.Abs(min) * 0.1;
            (min, max) = (min - half, min + half);
        }

        var step = NiceStep((max - min) / wanted);
        (min, max) = (Math.Floor(min / step + 1e-9) * step, Math.Ceiling(max / step - 1e-9) * step);
        return new Axis(min, max, log: false, step, Multiples(min, max, step));
    }

    /// <summary>Logarithmic where the values spread over more than a factor of three, else linear.</summary>
    public static Axis Spread(double min, double max, int wanted)
    {
        if (!(min > 0) || max / min < 3)
            return Linear(min, max, wanted);
        // A little air, then ticks from the densest series that does not crowd.
        (min, max) = (min * 0.94, max * 1.06);
        ReadOnlySpan<double[]> series = [[1, 1.5, 2, 2.5, 3, 4, 5, 6, 8], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]];
        List<double> ticks = [];
        foreach (var digits in series)
        {
            ticks.Clear();
            for (var power = (int)Math.Floor(Math.Log10(min)); power <= Math.Log10(max); power++)
                ticks.AddRange(digits.Select(d => d * Math.Pow(10, power)).Where(t => t >= min && t <= max));
            if (ticks.Count <= wanted + 2)
                break;
        }

        return ticks.Count >= 2 ? new Axis(min, max, log: true, 0, ticks) : Linear(min, max, wanted);
    }

    /// <summary>Where a value lies, 0 at the lower end and 1 at the upper.</summary>
    public double At(double value) => _log
        ? Math.Log(value / Min) / Math.Log(Max / Min)
        : (value - Min) / (Max - Min);

    public string Label(double tick)
    {
        if (tick == 0)
            return "0";
        var size = Math.Max(Math.Abs(Min), Math.Abs(Max));
        if (size >= 10_000)
            return Scaled(tick, size >= 1e9 ? (1e9, "G") : size >= 1e6 ? (1e6, "M") : (1e3, "k"));
        if (size < 0.001)
            return tick.ToString("0.##e+0", CultureInfo.InvariantCulture).Replace("e-", "e−", StringComparison.Ordinal);
        if (_log)
            return tick.ToString("0.###", CultureInfo.InvariantCulture);
        var decimals = (int)Math.Ceiling(-Math.Log10(_step) - 1e-9) + (IsHalfStep() ? 1 : 0);
        return tick.ToString("F" + Math.Clamp(decimals, 0, 6), CultureInfo.InvariantCulture);
    }

    private static string Scaled(double tick, (double Unit, string Suffix) scale) =>
        (tick / scale.Unit).ToString("0.###", CultureInfo.InvariantCulture) + scale.Suffix;

    // A step of 2.5, 0.25, ... needs one more decimal than its size says.
    private bool IsHalfStep()
    {
        var digits = _step / Math.Pow(10, Math.Floor(Math.Log10(_step) + 1e-9));
        return _step < 10 && Math.Abs(digits - 2.5) < 1e-6;
    }

    private static double NiceStep(double rough)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var digits = rough / power;
        return power * (digits <= 1 ? 1 : digits <= 2 ? 2 : digits <= 2.5 ? 2.5 : digits <= 5 ? 5 : 10);
    }

    private static List<double> Multiples(double min, double max, double step)
    {
        var ticks = new List<double>();
        for (var k = (long)Math.Ceiling(min / step - 1e-9); k * step <= max + step * 1e-9; k++)
            ticks.Add(k * step);
        return ticks;
    }
}
