namespace Wisp.Tests;

/// <summary>Comparisons with derived tolerances. Eps is the float32 unit round-off, 2^-24.</summary>
internal static class Check
{
    public const float Eps = 5.9604645e-8f;

    /// <summary>
    /// max|a-b| ≤ rtol·max|b| over the whole tensor, the rule of the golden files (b is the golden side).
    /// </summary>
    public static void Close(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double rtol, string what = "")
    {
        Assert.Equal(expected.Length, actual.Length);
        double scale = 0, worst = 0;
        var at = 0;
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(float.IsFinite(actual[i]) || actual[i].Equals(expected[i]),
                $"{what}[{i}] is {actual[i]}, expected {expected[i]}");
            scale = Math.Max(scale, Math.Abs((double)expected[i]));
            var error = Math.Abs((double)expected[i] - actual[i]);
            if (error > worst)
                (worst, at) = (error, i);
        }

        // A single number may nearly cancel, so it is judged against at least 0.1.
        if (expected.Length == 1)
            scale = Math.Max(scale, 0.1);
        Assert.True(worst <= rtol * scale,
            $"{what}: max difference {worst:g4} at {at} (expected {(expected.Length > 0 ? expected[at] : 0)}, got " +
            $"{(actual.Length > 0 ? actual[at] : 0)}), allowed {rtol * scale:g4}");
    }

    /// <summary>The same rule against a float64 definition.</summary>
    public static void Close(ReadOnlySpan<double> expected, ReadOnlySpan<float> actual, double rtol, string what = "")
    {
        var narrow = new float[expected.Length];
        for (var i = 0; i < narrow.Length; i++)
            narrow[i] = (float)expected[i];
        Close(narrow, actual, rtol + Eps, what);
    }

    /// <summary>The rule row by row, for tensors whose rows differ wildly in scale.</summary>
    public static void CloseByRow(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, int width, double rtol,
        string what = "")
    {
        for (var row = 0; row * width < expected.Length; row++)
            Close(expected.Slice(row * width, width), actual.Slice(row * width, width), rtol, $"{what} row {row}");
    }
}

/// <summary>Seeded test inputs.</summary>
internal static class Sample
{
    public static float[] Normal(int count, int seed, float scale = 1f)
    {
        var random = new Random(seed);
        var x = new float[count];
        for (var i = 0; i < count; i++)
        {
            var radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            x[i] = scale * (float)(radius * Math.Cos(2 * Math.PI * random.NextDouble()));
        }

        return x;
    }

    public static double[] Wide(ReadOnlySpan<float> x)
    {
        var y = new double[x.Length];
        for (var i = 0; i < y.Length; i++)
            y[i] = x[i];
        return y;
    }
}
