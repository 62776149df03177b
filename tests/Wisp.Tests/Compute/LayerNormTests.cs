using Wisp.Compute;

namespace Wisp.Tests.Compute;

public sealed class LayerNormTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);

    public void Dispose() => _pool.Dispose();

    [Theory]
    [InlineData(1, 1, 1, true), InlineData(7, 16, 1, false), InlineData(64, 65, 1, true), InlineData(12, 16, 4, true)]
    [InlineData(257, 33, 1, true), InlineData(6, 7, 3, false)]
    public void Forward_agrees_with_the_definition(int N, int C, int gains, bool biased)
    {
        float[] x = [.. Sample.Normal(N * C, 1).Select(v => v + 5)], g = Sample.Normal(gains * C, 2),
            b = biased ? Sample.Normal(gains * C, 3) : [], y = new float[N * C];
        LayerNorm.Forward(_pool, y, x, g, b, C, 1e-5f);
        var expected = new double[N * C];
        for (var n = 0; n < N; n++)
        {
            var row = Sample.Wide(x.AsSpan(n * C, C));
            var mean = row.Average();
            var variance = row.Average(v => (v - mean) * (v - mean));
            for (var c = 0; c < C; c++)
            {
                var gain = (n % gains * C) + c;
                expected[(n * C) + c] =
                    ((row[c] - mean) / Math.Sqrt(variance + 1e-5) * g[gain]) + (biased ? b[gain] : 0);
            }
        }

        // The mean of numbers around 5 is off by up to (C/16 + 4)·5ε, and what is left is of size 1; a single column
        // leaves nothing but that error, over √ε.
        Check.Close(expected, y, ((C / 16.0) + 8) * 5 * Check.Eps * (C == 1 ? 1 / Math.Sqrt(1e-5) : 3));
        LayerNorm.Forward(_pool, x, x, g, b, C, 1e-5f);
        Assert.Equal(y, x); // in place
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_argument_faults()
    {
        Assert.ThrowsAny<ArgumentException>(
            () => LayerNorm.Forward(_pool, new float[4], new float[4], new float[3], [], 4, 0.1f));
        Assert.ThrowsAny<ArgumentException>(
            () => LayerNorm.Forward(_pool, new float[4], new float[4], new float[4], new float[3], 4, 0.1f));
        Assert.ThrowsAny<ArgumentException>(
            () => LayerNorm.Forward(_pool, new float[4], new float[5], new float[4], [], 4, 0.1f));
    }
}
