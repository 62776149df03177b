using Wisp.Compute;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Compute;

public class EmbeddingTests
{
    [Theory]
    [InlineData(1), InlineData(7), InlineData(16), InlineData(64), InlineData(65), InlineData(257)]
    public void Both_ways_agree_with_the_definition(int C)
    {
        const int N = 300, V = 11; // every id is repeated many times
        using var pool = new WorkerPool(3);
        var random = new Random(3);
        int[] ids = [.. Enumerable.Range(0, N).Select(_ => random.Next(V))];
        float[] table = Sample.Normal(V * C, 1), dy = Sample.Normal(N * C, 2), dTable = Sample.Normal(V * C, 3);
        var y = new float[N * C];
        var expected = Sample.Wide(dTable);
        for (var i = 0; i < N * C; i++)
            expected[ids[i / C] * C + i % C] += dy[i];

        Embedding.Forward(pool, y, table, ids, C);
        Embedding.Backward(pool, dTable, dy, ids, C);

        for (var i = 0; i < N * C; i++)
            Assert.Equal(table[ids[i / C] * C + i % C], y[i]);
        Check.Close(expected, dTable, MathF.Sqrt(N) * Check.Eps); // a sum of about N/V roundings, N at most
    }

    [Fact]
    public void The_golden_values_come_out()
    {
        var golden = GoldenFile.Open("torch/piece_embedding.safetensors");
        float[] table = golden.Floats("w"), dy = golden.Floats("gout");
        float[] y = new float[dy.Length], dTable = new float[table.Length];
        var (ids, C) = (golden.Ints("ids"), golden.Shape("w")[1]);
        using var pool = new WorkerPool(2);

        Embedding.Forward(pool, y, table, ids, C);
        Embedding.Backward(pool, dTable, dy, ids, C);

        Assert.Equal(golden.Floats("y"), y);
        Check.Close(golden.Floats("grad.w"), dTable, 1e-5);
        Assert.All(dTable[^C..], d => Assert.Equal(0f, d)); // the last row is never looked up
    }

    [Fact]
    public void An_id_outside_the_table_is_refused()
    {
        using var pool = new WorkerPool(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => Embedding.Forward(pool, new float[2], new float[6], [3], 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Embedding.Backward(pool, new float[6], new float[2], [-1], 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Embedding.Forward(pool, new float[3], new float[6], [1], 2));
    }
}
