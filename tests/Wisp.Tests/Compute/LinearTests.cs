using Wisp.Compute;

namespace Wisp.Tests.Compute;

public sealed class LinearTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);

    public void Dispose() => _pool.Dispose();

    // One float32 chain of C/16 + 4 rounded sums over terms whose absolute sum is at most √C times their norm.
    private static double Tolerance(int C) => (C / 16.0 + 6) * Check.Eps * Math.Sqrt(C);

    [Theory]
    [InlineData(1, 1, 1), InlineData(1, 7, 16), InlineData(3, 4, 17), InlineData(4, 65, 33), InlineData(5, 9, 64)]
    [InlineData(7, 257, 65), InlineData(17, 6, 1024), InlineData(2, 5, 2085)]
    public void Products_are_those_of_the_definition(int N, int R, int C)
    {
        using var w = new FloatBuffer(R * C);
        Sample.Normal(R * C, 1).CopyTo(w.Span);
        float[] x = Sample.Normal(N * C, 2), bias = Sample.Normal(R, 3), y = Sample.Normal(N * (R + 3), 4);
        float[] before = [.. y];
        var matrix = WeightMatrix.Of(w, 0, R, C);

        Linear.Multiply(_pool, y, R + 3, x, matrix, bias);
        for (var n = 0; n < N; n++)
        {
            Check.Close(Naive(w.Span, x, bias, n, R, C, null), y.AsSpan(n * (R + 3), R), Tolerance(C), $"row {n}");
            var gap = (n * (R + 3)) + R;
            Assert.Equal(before[gap..(gap + 3)], y[gap..(gap + 3)]);
        }

        before.CopyTo(y, 0);
        Linear.Multiply(_pool, y, R + 3, x, matrix, bias, accumulate: true);
        for (var n = 0; n < N; n++)
            Check.Close(Naive(w.Span, x, bias, n, R, C, before.AsSpan(n * (R + 3), R).ToArray()),
                y.AsSpan(n * (R + 3), R), Tolerance(C), $"row {n} added");
    }

    [Theory]
    [InlineData(DType.F16), InlineData(DType.BF16), InlineData(DType.Q8_0)]
    public void Stored_types_give_the_product_of_their_decoded_values(DType type)
    {
        const int N = 6, R = 21, C = 2080; // two passes over the columns, the second a short one
        float[] values = Sample.Normal(R * C, 5), x = Sample.Normal(N * C, 6), y = new float[N * R];
        var path = Path.GetTempFileName();
        try
        {
            var bytes = new byte[type.BytesOf(R * C)];
            Blocks.Encode(bytes, values, type);
            Blocks.Decode(values, bytes, type);
            File.WriteAllBytes(path, [1, 2, 3, .. bytes]); // stored values need no alignment
            using var file = MappedFile.Open(path);
            var matrix = WeightMatrix.Of(file, 3, type, R, C);
            Assert.Equal(bytes.Length, matrix.Bytes);
            Linear.Multiply(_pool, y, R, x, matrix);

            using var plain = new FloatBuffer(R * C);
            values.CopyTo(plain.Span);
            var same = new float[N * R];
            Linear.Multiply(_pool, same, R, x, WeightMatrix.Of(plain, 0, R, C));
            Assert.Equal(same, y);

            var row = new float[C];
            matrix.Slice(5, 7).ReadRow(row, 2);
            Assert.Equal(values[(7 * C)..(8 * C)], row);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_row_has_the_same_bits_alone_and_among_others_and_on_any_number_of_threads()
    {
        const int N = 23, R = 70, C = 1100;
        using var w = new FloatBuffer(R * C);
        Sample.Normal(R * C, 7).CopyTo(w.Span);
        float[] x = Sample.Normal(N * C, 8), y = new float[N * R], one = new float[R];
        var matrix = WeightMatrix.Of(w, 0, R, C);
        using var single = new WorkerPool(1);
        Linear.Multiply(_pool, y, R, x, matrix);
        for (var n = 0; n < N; n++)
        {
            Linear.Multiply(single, one, R, x.AsSpan(n * C, C), matrix);
            Assert.Equal(one, y[(n * R)..((n + 1) * R)]);
        }
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_argument_faults()
    {
        using var w = new FloatBuffer(12);
        var matrix = WeightMatrix.Of(w, 0, 3, 4);
        Assert.Throws<ArgumentOutOfRangeException>(() => Linear.Multiply(_pool, new float[3], 3, new float[5], matrix));
        Assert.Throws<ArgumentException>(() => Linear.Multiply(_pool, new float[2], 3, new float[4], matrix));
        Assert.Throws<ArgumentException>(() => Linear.Multiply(_pool, new float[4], 2, new float[8], matrix));
        Assert.Throws<ArgumentException>(
            () => Linear.Multiply(_pool, new float[3], 3, new float[4], matrix, new float[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => matrix.Slice(2, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => matrix.ReadRow(new float[4], 3));
        Assert.Throws<ArgumentException>(() => WeightMatrix.Of(w, 0, 0, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => WeightMatrix.Of(w, 4, 3, 4));
    }

    private static double[] Naive(
        ReadOnlySpan<float> w, float[] x, float[] bias, int n, int R, int C, float[]? added)
    {
        var y = new double[R];
        for (var r = 0; r < R; r++)
        {
            y[r] = bias[r] + (added?[r] ?? 0.0);
            for (var c = 0; c < C; c++)
                y[r] += (double)w[(r * C) + c] * x[(n * C) + c];
        }

        return y;
    }
}
