namespace Wisp.Tests.Reference;

/// <summary>
/// Activations rounded to 8 bits: of every 32 values the largest magnitude becomes 127, halves go to the even side. The
/// codes are worked out in float32, because a tie must fall to the same side.
/// </summary>
internal static class NaiveEightBits
{
    /// <summary>What the codes stand for.</summary>
    public static double[] Rounded(ReadOnlySpan<float> x)
    {
        var y = new double[x.Length];
        for (var at = 0; at < x.Length; at += 32)
        {
            var most = 0f;
            foreach (var v in x.Slice(at, 32))
                most = Math.Max(most, Math.Abs(v));
            for (var i = at; i < at + 32 && most > 0; i++)
                y[i] = MathF.Round(x[i] * (127 / most), MidpointRounding.ToEven) * (double)(most / 127);
        }

        return y;
    }

    /// <summary>Half a step of each value: how far rounding may move it.</summary>
    public static double[] HalfSteps(ReadOnlySpan<float> x)
    {
        var y = new double[x.Length];
        for (var at = 0; at < x.Length; at += 32)
        {
            var most = 0f;
            foreach (var v in x.Slice(at, 32))
                most = Math.Max(most, Math.Abs(v));
            y.AsSpan(at, 32).Fill(most / 254.0);
        }

        return y;
    }
}
