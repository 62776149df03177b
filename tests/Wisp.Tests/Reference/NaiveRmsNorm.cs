namespace Wisp.Tests.Reference;

/// <summary>y = g ⊙ x/√(mean(x²) + ε) by rows, in float64.</summary>
internal static class NaiveRmsNorm
{
    public static (double[] Y, double[] R) Forward(double[] x, double[] g, double eps)
    {
        int C = g.Length, N = x.Length / C;
        double[] y = new double[x.Length], r = new double[N];
        for (var n = 0; n < N; n++)
        {
            var squares = 0.0;
            for (var c = 0; c < C; c++)
                squares += x[n * C + c] * x[n * C + c];
            r[n] = 1 / Math.Sqrt(squares / C + eps);
            for (var c = 0; c < C; c++)
                y[n * C + c] = g[c] * x[n * C + c] * r[n];
        }

        return (y, r);
    }

    public static (double[] Dx, double[] Dg) Backward(double[] dy, double[] x, double[] g, double eps)
    {
        int C = g.Length, N = x.Length / C;
        var r = Forward(x, g, eps).R;
        double[] dx = new double[x.Length], dg = new double[C];
        for (var n = 0; n < N; n++)
        {
            var s = 0.0;
            for (var c = 0; c < C; c++)
            {
                s += g[c] * dy[n * C + c] * x[n * C + c];
                dg[c] += dy[n * C + c] * x[n * C + c] * r[n];
            }

            for (var c = 0; c < C; c++)
                dx[n * C + c] = r[n] * (g[c] * dy[n * C + c] - x[n * C + c] * r[n] * r[n] * s / C);
        }

        return (dx, dg);
    }
}
