namespace Wisp.Compute;

/// <summary>
/// cos and sin of t·θ^(−2p/D) for every position t and pair p. Angles are computed in float64: in float32 the angle of
/// position 4096 would be off by 2e-4 already.
/// </summary>
public sealed class RopeTable
{
    public RopeTable(int maxPositions, int D, double theta)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxPositions);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(D);
        ArgumentOutOfRangeException.ThrowIfNotEqual(D % 2, 0);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(theta);
        this.D = D;
        MaxPositions = maxPositions;
        Theta = theta;
        var half = D / 2;
        Cos = new float[checked(maxPositions * half)];
        Sin = new float[Cos.Length];
        for (var p = 0; p < half; p++)
        {
            var frequency = Math.Pow(theta, -2.0 * p / D);
            for (var t = 0; t < maxPositions; t++)
            {
                var (sin, cos) = Math.SinCos(t * frequency);
                (Sin[t * half + p], Cos[t * half + p]) = ((float)sin, (float)cos);
            }
        }
    }

    public int MaxPositions { get; }

    /// <summary>Head dim.</summary>
    public int D { get; }

    public double Theta { get; }

    internal float[] Cos { get; } // (MaxPositions, D/2)

    internal float[] Sin { get; } // (MaxPositions, D/2)
}
