namespace Wisp.Tests.Reference;

/// <summary>The gradient of any function by its definition: (f(x+h) − f(x−h)) / 2h, element by element.</summary>
internal static class CentralDifference
{
    // The truncation error grows like h², the rounding error like 2⁻⁵³/h: they meet near 2⁻¹⁸, at about 1e-11.
    private const double H = 1.0 / (1 << 18);

    public static double[] Gradient(Func<double[], double> f, ReadOnlySpan<double> x)
    {
        var at = x.ToArray();
        var gradient = new double[at.Length];
        for (var i = 0; i < at.Length; i++)
        {
            var here = at[i];
            at[i] = here + H;
            var above = f(at);
            at[i] = here - H;
            var below = f(at);
            at[i] = here;
            gradient[i] = (above - below) / (2 * H);
        }

        return gradient;
    }

    /// <summary>Formula against differences: 1e-7 of the largest element leaves room for |f| near 1000.</summary>
    public static void Agrees(double[] differences, double[] formula, string what)
    {
        Assert.Equal(differences.Length, formula.Length);
        var scale = differences.Concat(formula).Max(Math.Abs);
        for (var i = 0; i < formula.Length; i++)
            Assert.True(Math.Abs(differences[i] - formula[i]) <= 1e-7 * scale,
                $"{what}[{i}]: differences give {differences[i]}, the formula {formula[i]}");
    }
}
