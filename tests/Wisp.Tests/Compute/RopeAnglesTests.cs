using Wisp.Compute;

namespace Wisp.Tests.Compute;

public sealed class RopeAnglesTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);

    public void Dispose() => _pool.Dispose();

    [Theory]
    [InlineData(1, 2, 1, RopeLayout.Norm), InlineData(3, 24, 12, RopeLayout.Neox)]
    [InlineData(5, 80, 20, RopeLayout.Norm), InlineData(2, 130, 65, RopeLayout.Neox)]
    public void Pairs_turn_by_their_angle_and_the_rest_stays(int H, int D, int P, RopeLayout layout)
    {
        int[] positions = [0, 7, 100_000, 3];
        double[] frequencies = [.. Enumerable.Range(0, P).Select(p => Math.Pow(10_000, -2.0 * p / (2 * P)))];
        using var angles = new RopeAngles(frequencies, 1.25f, 4);
        angles.Set(positions);
        float[] x = Sample.Normal(4 * H * D, 1), y = [.. x];
        angles.Turn(_pool, y, H, D, layout);
        for (var row = 0; row < 4; row++)
            for (var h = 0; h < H; h++)
            {
                var at = ((row * H) + h) * D;
                var expected = Sample.Wide(x.AsSpan(at, D));
                for (var p = 0; p < P; p++)
                {
                    var (i, j) = layout == RopeLayout.Norm ? (2 * p, (2 * p) + 1) : (p, p + P);
                    var (sin, cos) = Math.SinCos(positions[row] * frequencies[p]);
                    expected[i] = 1.25 * ((x[at + i] * cos) - (x[at + j] * sin));
                    expected[j] = 1.25 * ((x[at + i] * sin) + (x[at + j] * cos));
                }

                Check.Close(expected, y.AsSpan(at, D), 6 * Check.Eps, $"row {row} head {h}");
            }
    }

    [Fact]
    public void It_is_the_rotation_of_training()
    {
        const int H = 3, D = 34;
        int[] positions = [5, 0, 63];
        double[] frequencies = [.. Enumerable.Range(0, D / 2).Select(p => Math.Pow(10_000, -2.0 * p / D))];
        using var angles = new RopeAngles(frequencies, 1, 3);
        angles.Set(positions);
        float[] a = Sample.Normal(3 * H * D, 2), b = [.. a];
        angles.Turn(_pool, a, H, D, RopeLayout.Neox);
        Rope.Forward(_pool, b, positions, new RopeTable(64, D, 10_000), H, RopeLayout.Neox);
        Check.Close(b, a, 4 * Check.Eps);
    }
}
