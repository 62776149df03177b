namespace Wisp.Tests.Reference;

/// <summary>
/// The plain way to fill a block of 256: the range of each sub-block fixes its step, everything is rounded once and
/// nothing is searched. Only its squared error is of interest.
/// </summary>
internal static class NaiveQuantiser
{
    /// <summary>x ≈ d·s·q − dmin·m, q in [0, topCode], s and m in [0, topScale].</summary>
    public static double AffineError(float[] x, int subBlock, int topCode, int topScale)
    {
        var parts = x.Chunk(subBlock).ToArray();
        var depths = parts.Select(p => (double)Math.Max(0, -p.Min())).ToArray();
        var steps = parts.Select((p, j) => (p.Max() + depths[j]) / topCode).ToArray();
        double d = Half(steps.Max() / topScale), dmin = Half(depths.Max() / topScale);
        var error = 0.0;
        for (var j = 0; j < parts.Length; j++)
        {
            double a = d * Rounded(steps[j] / d, 0, topScale), b = dmin * Rounded(depths[j] / dmin, 0, topScale);
            error += parts[j].Sum(v => Square(v - (a * Rounded((v + b) / a, 0, topCode) - b)));
        }

        return error;
    }

    /// <summary>x ≈ d·s·c, c a code (in ascending order), s in [lowScale, −lowScale − 1].</summary>
    public static double SymmetricError(float[] x, int subBlock, int[] codes, int lowScale)
    {
        var parts = x.Chunk(subBlock).ToArray();
        var steps = parts.Select(p => (double)p.MaxBy(Math.Abs) / codes[0]).ToArray();
        double d = Half(steps.MaxBy(Math.Abs) / lowScale);
        var error = 0.0;
        for (var j = 0; j < parts.Length; j++)
        {
            var a = d * Rounded(steps[j] / d, lowScale, -lowScale - 1);
            error += parts[j].Sum(v => codes.Min(c => Square(v - a * c)));
        }

        return error;
    }

    /// <summary>x ≈ d·c for the whole of x.</summary>
    public static double TableError(float[] x, int[] codes)
    {
        double d = Half(x.MaxBy(Math.Abs) / (double)codes[0]);
        return x.Sum(v => codes.Min(c => Square(v - d * c)));
    }

    private static double Half(double v) => (double)(Half)v;

    private static double Rounded(double v, int low, int top) =>
        double.IsFinite(v) ? Math.Clamp(Math.Round(v), low, top) : 0;

    private static double Square(double v) => v * v;
}
