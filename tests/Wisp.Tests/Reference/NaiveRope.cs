using Wisp.Compute;

namespace Wisp.Tests.Reference;

/// <summary>Rotation of every pair of every head by position·θ^(−2p/D), in float64.</summary>
internal static class NaiveRope
{
    public static double[] Forward(
        double[] x, int[] positions, int H, int D, double theta, RopeLayout layout, int sign = 1)
    {
        var y = new double[x.Length];
        for (var n = 0; n < positions.Length; n++)
            for (var h = 0; h < H; h++)
                for (var p = 0; p < D / 2; p++)
                {
                    var head = (n * H + h) * D;
                    var (first, second) = layout == RopeLayout.Norm
                        ? (head + 2 * p, head + 2 * p + 1)
                        : (head + p, head + p + D / 2);
                    var angle = sign * positions[n] * Math.Pow(theta, -2.0 * p / D);
                    y[first] = x[first] * Math.Cos(angle) - x[second] * Math.Sin(angle);
                    y[second] = x[first] * Math.Sin(angle) + x[second] * Math.Cos(angle);
                }

        return y;
    }
}
