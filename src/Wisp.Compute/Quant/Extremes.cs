namespace Wisp.Compute;

/// <summary>The values that fix a block's range. Of equals the first counts, as in the reference quantisers.</summary>
internal static unsafe class Extremes
{
    /// <summary>The value of largest magnitude, with its sign; +0 where all are zero.</summary>
    public static float Signed(float* x, int n)
    {
        float top = 0, value = 0;
        for (var i = 0; i < n; i++)
        {
            var magnitude = MathF.Abs(x[i]);
            if (magnitude > top)
                (top, value) = (magnitude, x[i]);
        }

        return value;
    }

    public static (float Min, float Max) Range(float* x, int n)
    {
        float min = x[0], max = x[0];
        for (var i = 1; i < n; i++)
        {
            if (x[i] < min)
                min = x[i];
            if (x[i] > max)
                max = x[i];
        }

        return (min, max);
    }
}
