using Wisp.Compute;

namespace Wisp.Tests.Compute;

public class VectorOpsTests
{
    [Theory]
    [InlineData(0), InlineData(1), InlineData(7), InlineData(16), InlineData(65), InlineData(257), InlineData(600_001)]
    public void Every_operation_does_what_it_says(int n)
    {
        using var pool = new WorkerPool(2);
        float[] x = Sample.Normal(n, 1), y0 = Sample.Normal(n, 2), y = [.. y0];

        VectorOps.Add(pool, y, x);
        Each(i => y0[i] + x[i]);
        VectorOps.Copy(pool, y, y0);
        Each(i => y0[i]);
        VectorOps.Axpy(pool, y, x, 0.3f);
        Each(i => MathF.FusedMultiplyAdd(0.3f, x[i], y0[i]));
        VectorOps.Copy(pool, y, y0);
        VectorOps.Scale(pool, y, 0.3f);
        Each(i => y0[i] * 0.3f);
        VectorOps.Fill(pool, y, 2f);
        Each(_ => 2f);
        VectorOps.Clear(pool, y);
        Each(_ => 0f);

        var squares = x.Sum(v => (double)v * v);
        Assert.Equal(squares, VectorOps.SumOfSquares(pool, x), 1e-12 * squares); // √n roundings of 2⁻⁵³

        void Each(Func<int, float> expected)
        {
            for (var i = 0; i < n; i++)
                if (y[i] != expected(i))
                    Assert.Fail($"element {i} is {y[i]}, not {expected(i)}");
        }
    }

    [Fact]
    public void Squares_keep_their_digits_in_large_sums()
    {
        // In float32 the sum of 2²⁴ ones and more would stand still.
        using var pool = new WorkerPool(2);
        using var ones = new FloatBuffer((1 << 25) + 3);
        VectorOps.Fill(pool, ones.Span, 1f);
        Assert.Equal((1 << 25) + 3, VectorOps.SumOfSquares(pool, ones.Span));
    }

    [Fact]
    public void Lengths_that_differ_are_refused()
    {
        using var pool = new WorkerPool(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => VectorOps.Add(pool, new float[2], new float[3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => VectorOps.Axpy(pool, new float[2], new float[3], 1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => VectorOps.Copy(pool, new float[3], new float[2]));
    }
}
