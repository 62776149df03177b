using Wisp.Compute;

namespace Wisp.Tests.Compute;

public class GemmTests
{
    // Sizes on both sides of the tile (8 x 48 or 6 x 16), of a row block (128) and of the depth of a block (384).
    public static TheoryData<int, int, int> Sizes => new()
    {
        { 1, 1, 1 }, { 7, 1, 16 }, { 1, 65, 7 }, { 8, 48, 64 }, { 9, 49, 65 }, { 64, 257, 3 }, { 257, 16, 385 },
        { 130, 100, 800 },
    };

    [Theory, MemberData(nameof(Sizes))]
    public void All_three_products_agree_with_the_definition(int M, int N, int K)
    {
        using var pool = new WorkerPool(2);
        float[] a = Sample.Normal(M * K, 1), b = Sample.Normal(K * N, 2), start = Sample.Normal(M * N, 3);
        foreach (var (transposeA, transposeB) in new[] { (false, true), (false, false), (true, false), (true, true) })
            foreach (var accumulate in new[] { false, true })
            {
                var expected = accumulate ? Sample.Wide(start) : new double[M * N];
                for (var i = 0; i < M; i++)
                    for (var j = 0; j < N; j++)
                        for (var k = 0; k < K; k++)
                            expected[(i * N) + j] += (double)a[transposeA ? (k * M) + i : (i * K) + k]
                                * b[transposeB ? (j * K) + k : (k * N) + j];

                var c = start.ToArray();
                Gemm.Multiply(pool, c, a, b, M, N, K, transposeA, transposeB, accumulate);

                // K products of normals: the sum has size about √K and gathers K roundings of that size at the very
                // worst.
                Check.Close(expected, c, 2 * Math.Sqrt(K + 1) * Check.Eps,
                    $"{M}x{N}x{K} {transposeA} {transposeB} {accumulate}");
            }
    }

    [Fact]
    public void Rows_packed_at_once_fit_the_memory_of_a_worker()
    {
        for (var workers = 1; workers <= 16; workers++)
            foreach (var M in (int[])[1, 7, 128, 512, 1000, 8192])
                Assert.InRange(GemmTile.RoundToRows(Gemm.RowTile(M, workers)), 1, Gemm.BlockRows);
    }

    [Fact]
    public void The_result_has_the_same_bits_on_any_number_of_workers()
    {
        const int M = 201, N = 155, K = 700;
        float[] a = Sample.Normal(M * K, 1), b = Sample.Normal(K * N, 2);
        float[][] results = [.. new[] { 1, 2, 5 }.Select(threads =>
        {
            using var pool = new WorkerPool(threads);
            var c = new float[M * N];
            Gemm.Multiply(pool, c, a, b, M, N, K, transposeA: false, transposeB: true, accumulate: false);
            return c;
        })];
        Assert.Equal(results[0], results[1]);
        Assert.Equal(results[0], results[2]);
    }

    [Fact]
    public void Matrices_shorter_than_their_sizes_are_refused()
    {
        using var pool = new WorkerPool(1);
        Assert.Throws<ArgumentException>(() => Gemm.Multiply(
            pool, new float[3], new float[4], new float[4], 2, 2, 2, transposeA: false, transposeB: false,
            accumulate: false));
        Assert.Throws<ArgumentException>(() => Gemm.Multiply(
            pool, new float[4], new float[3], new float[4], 2, 2, 2, transposeA: false, transposeB: false,
            accumulate: false));
        Assert.Throws<ArgumentException>(() => Gemm.Multiply(
            pool, new float[4], new float[4], new float[3], 2, 2, 2, transposeA: false, transposeB: false,
            accumulate: false));
    }
}
