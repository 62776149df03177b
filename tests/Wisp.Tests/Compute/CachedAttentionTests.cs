using Wisp.Compute;

namespace Wisp.Tests.Compute;

public sealed class CachedAttentionTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);

    public void Dispose() => _pool.Dispose();

    // Scores and mixes are sums of at most 300 terms below 4 in size; exp is good to 1.3 ulp and tanh to 2 of 2⁻²³.
    private const double Tolerance = 2e-5;

    // What the definition says of a row of one head: halves to nearest even, or bytes with a scale for every 32.
    private static void Round(Span<float> row, KvType type)
    {
        if (type == KvType.F16)
            foreach (ref var x in row)
                x = (float)(Half)x;
        if (type == KvType.Q8)
            for (var at = 0; at < row.Length; at += 32)
            {
                var group = row.Slice(at, Math.Min(32, row.Length - at));
                var largest = 0f;
                foreach (var x in group)
                    largest = Math.Max(largest, Math.Abs(x));
                foreach (ref var x in group)
                    x = (float)Math.Round(x * (127 / largest)) * (largest / 127);
            }
    }

    [Theory]
    [InlineData(KvType.F32, 8), InlineData(KvType.F16, 40), InlineData(KvType.Q8, 40), InlineData(KvType.Q8, 33)]
    public void Stored_numbers_come_back_as_near_as_their_type_says(KvType type, int D)
    {
        // One key at a time is visible to a query that is a unit vector times a large number: its value comes back.
        using var store = new KvStore(2, 1, 1, D, type);
        float[] k = Sample.Normal(20 * D, 1), v = Sample.Normal(20 * D, 2), y = new float[D], q = new float[D];
        k[3] = 1e30f;
        v[5] = type == KvType.F32 ? 1e30f : 60_000;
        CachedAttention.Store(_pool, store, 0, k, v, [new AttentionRun(0, 20, 0, 0)], [1, 0]);
        for (var i = 0; i < 20; i++)
        {
            CachedAttention.Forward(_pool, y, q, store, 0, [new AttentionRun(0, 1, i, 0)], [1, 0],
                new AttentionRule(1, Window: 1, 1, 0));
            for (var d = 0; d < D; d++)
            {
                var group = v.AsSpan((i * D) + (d / 32 * 32), Math.Min(32, D - (d / 32 * 32))).ToArray();
                var allowed = type switch
                {
                    KvType.F32 => 0,
                    KvType.F16 => Math.Max(Math.Abs(v[(i * D) + d]) / 2048, 1e-7),
                    _ => group.Max(Math.Abs) / 253,
                };
                Assert.InRange(y[d] - v[(i * D) + d], -allowed, allowed);
            }
        }
    }

    // One query, which decodes first, and two that share keys, which may read them as they are stored.
    [Theory, InlineData(1), InlineData(2)]
    public void Halves_are_finite_whatever_was_to_be_stored(int H)
    {
        const int D = 16;
        using var store = new KvStore(1, 1, 1, D, KvType.F16);
        float[] k = new float[D], v = Sample.Normal(D, 1), y = new float[H * D], q = new float[H * D];
        (v[0], v[1], v[2], v[3]) = (float.NaN, float.PositiveInfinity, float.NegativeInfinity, 6e-8f);
        (k[0], k[1]) = (float.NaN, float.PositiveInfinity);
        CachedAttention.Store(_pool, store, 0, k, v, [new AttentionRun(0, 1, 0, 0)], [0]);
        CachedAttention.Forward(
            _pool, y, q, store, 0, [new AttentionRun(0, 1, 0, 0)], [0], new AttentionRule(H, 0, 1, 0));
        for (var h = 0; h < H; h++)
        {
            Assert.Equal([65504f, 65504f, -65504f, 5.9604645e-8f], y[(h * D)..((h * D) + 4)]);
            for (var d = 4; d < D; d++)
                Assert.Equal((float)(Half)v[d], y[(h * D) + d]);
        }
    }

    [Fact]
    public void The_mass_of_a_block_is_what_was_attended_to_in_it()
    {
        // Keys of zero: every position seen gets the same.
        const int H = 4, K = 2, D = 8;
        using var store = new KvStore(8, 1, K, D);
        AttentionRun[] runs = [new(0, 100, 0, 0), new(100, 1, 16, 7)];
        int[] blocks = [0, 1, 2, 3, 4, 5, 6, 0, 7];
        float[] k = new float[101 * K * D], q = Sample.Normal(101 * H * D, 1), y = new float[101 * H * D];
        CachedAttention.Store(_pool, store, 0, k, k, runs, blocks);
        var mass = new float[blocks.Length];
        CachedAttention.Forward(_pool, y, q, store, 0, runs, blocks, new AttentionRule(H, 0, 1, 0), mass);
        var expected = new double[blocks.Length];
        for (var i = 0; i < 100; i++)
            for (var j = 0; j <= i; j++)
                expected[j / 16] += H / (i + 1.0);
        (expected[7], expected[8]) = (H * 16 / 17.0, H / 17.0);
        for (var b = 0; b < mass.Length; b++)
            Assert.Equal(expected[b], mass[b], 1e-3); // sums of some 400 shares, each good to 2⁻²²
    }

    public static TheoryData<int, int, int, int, float, KvType> Shapes()
    {
        var data = new TheoryData<int, int, int, int, float, KvType>();
        foreach (var type in Enum.GetValues<KvType>())
            foreach (var (H, K, D, window, softcap) in ((int, int, int, int, float)[])
                [(1, 1, 8, 0, 0), (4, 2, 16, 0, 0), (6, 1, 24, 5, 0), (5, 5, 12, 0, 3), (8, 2, 64, 17, 0),
                (3, 3, 80, 16, 2), (9, 3, 130, 1, 0), (10, 2, 64, 100, 0)])
                data.Add(H, K, D, window, softcap, type);
        return data;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_query_sees_what_the_definition_lets_it_see(
        int H, int K, int D, int window, float softcap, KvType type)
    {
        // Three sequences of a batch: a fresh prompt, one new token after a long past, and a few after a short one.
        (int Past, int Count)[] shape = [(0, 137), (200, 1), (16, 5)];
        using var store = new KvStore(40, layers: 2, K, D, type);
        var free = new Stack<int>(Enumerable.Range(0, 40).OrderBy(i => i * 17 % 40)); // blocks in no order
        var scale = 1.3f / MathF.Sqrt(D);
        var runs = new List<AttentionRun>();
        var blocks = new List<int>();
        var keys = new List<float[]>();
        var values = new List<float[]>();
        var row = 0;
        foreach (var (past, count) in shape)
        {
            var first = blocks.Count;
            for (var i = 0; i < (past + count + 15) / 16; i++)
                blocks.Add(free.Pop());
            keys.Add(Sample.Normal((past + count) * K * D, 10 + row));
            values.Add(Sample.Normal((past + count) * K * D, 20 + row));
            if (past > 0)
                CachedAttention.Store(
                    _pool, store, 1, keys[^1].AsSpan(0, past * K * D), values[^1].AsSpan(0, past * K * D),
                    [new AttentionRun(0, past, 0, 0)], [.. blocks.Skip(first)]);
            runs.Add(new AttentionRun(row, count, past, first));
            row += count;
        }

        float[] newKeys = [.. shape.SelectMany((s, i) => keys[i].Skip(s.Past * K * D))],
            newValues = [.. shape.SelectMany((s, i) => values[i].Skip(s.Past * K * D))];
        float[] q = Sample.Normal(row * H * D, 3), y = new float[row * H * D];
        int[] table = [.. blocks];
        AttentionRun[] list = [.. runs];
        CachedAttention.Store(_pool, store, 1, newKeys, newValues, list, table);
        CachedAttention.Forward(_pool, y, q, store, 1, list, table, new AttentionRule(H, window, scale, softcap));

        foreach (var rows in (float[][])[.. keys, .. values])
            for (var at = 0; at < rows.Length; at += D)
                Round(rows.AsSpan(at, D), type);
        for (var s = 0; s < shape.Length; s++)
            for (var i = 0; i < shape[s].Count; i++)
                for (var h = 0; h < H; h++)
                {
                    var at = (((list[s].Row + i) * H) + h) * D;
                    var expected = Naive(q.AsSpan(at, D), keys[s], values[s], shape[s].Past + i, h / (H / K), K, D,
                        window, scale, softcap);
                    Check.Close(expected, y.AsSpan(at, D), Tolerance, $"sequence {s} token {i} head {h}");
                }

        // The same tokens alone, on one thread: the same bits.
        using var single = new WorkerPool(1);
        for (var s = 0; s < shape.Length; s++)
            for (var i = 0; i < shape[s].Count; i++)
            {
                var alone = new float[H * D];
                var at = (list[s].Row + i) * H * D;
                CachedAttention.Forward(single, alone, q.AsSpan(at, H * D), store, 1,
                    [new AttentionRun(0, 1, shape[s].Past + i, list[s].FirstBlock)], table,
                    new AttentionRule(H, window, scale, softcap));
                Assert.Equal(alone, y[at..(at + (H * D))]);
            }
    }

    [Theory]
    [InlineData(1, 1, 7), InlineData(4, 2, 16), InlineData(3, 3, 65)]
    public void Both_ways_a_query_sees_the_whole_run_and_nothing_else(int H, int K, int D)
    {
        int[] counts = [1, 16, 37, 5];
        var rows = counts.Sum();
        using var store = new KvStore(8, layers: 1, K, D);
        float[] k = Sample.Normal(rows * K * D, 1), v = Sample.Normal(rows * K * D, 2),
            q = Sample.Normal(rows * H * D, 3), y = new float[rows * H * D];
        var runs = new AttentionRun[counts.Length];
        for (int i = 0, row = 0, block = 0; i < runs.Length; row += counts[i], block += (counts[i] + 15) / 16, i++)
            runs[i] = new AttentionRun(row, counts[i], 0, block);
        int[] blocks = [7, 1, 4, 0, 6, 2];
        var rule = new AttentionRule(H, 0, 1 / MathF.Sqrt(D), 0, BothWays: true);
        CachedAttention.Store(_pool, store, 0, k, v, runs, blocks);
        CachedAttention.Forward(_pool, y, q, store, 0, runs, blocks, rule);
        foreach (var run in runs)
            for (var i = run.Row; i < run.Row + run.Rows; i++)
                for (var h = 0; h < H; h++)
                {
                    int from = run.Row * K * D, end = from + (run.Rows * K * D), at = ((i * H) + h) * D;
                    var expected = Naive(q.AsSpan(at, D), k[from..end], v[from..end], run.Rows - 1, h / (H / K), K, D,
                        window: 0, rule.Scale, softcap: 0);
                    Check.Close(expected, y.AsSpan(at, D), Tolerance, $"row {i} head {h}");
                }

        Assert.Throws<ArgumentException>(() => CachedAttention.Forward(
            _pool, y, q, store, 0, runs, blocks, rule with { Window = 4 }));
    }

    [Fact]
    public void A_copied_block_holds_the_same_tokens()
    {
        using var store = new KvStore(3, 1, 2, 8);
        float[] k = Sample.Normal(16 * 16, 1), v = Sample.Normal(16 * 16, 2), q = Sample.Normal(32, 3),
            original = new float[32], copy = new float[32];
        CachedAttention.Store(_pool, store, 0, k, v, [new AttentionRun(0, 16, 0, 0)], [0]);
        store.Copy(2, 0);
        var rule = new AttentionRule(4, 0, 1, 0);
        CachedAttention.Forward(_pool, original, q, store, 0, [new AttentionRun(0, 1, 15, 0)], [0], rule);
        CachedAttention.Forward(_pool, copy, q, store, 0, [new AttentionRun(0, 1, 15, 0)], [2], rule);
        Assert.Equal(original, copy);
        Assert.Equal(3 * KvStore.BytesPerBlock(1, 2, 8), store.TotalBytes);
    }

    [Fact]
    public void Runs_outside_rows_or_blocks_are_argument_faults()
    {
        using var store = new KvStore(2, 1, 1, 8);
        float[] x = new float[16];
        var rule = new AttentionRule(1, 0, 1, 0);
        void Fault(AttentionRun run, params int[] blocks) => Assert.ThrowsAny<ArgumentException>(
            () => CachedAttention.Forward(_pool, x, x, store, 0, [run], blocks, rule));
        Fault(new AttentionRun(1, 2, 0, 0), 0);
        Fault(new AttentionRun(0, 2, 15, 0), 0);
        Fault(new AttentionRun(0, 2, 0, 1), 0);
        Fault(new AttentionRun(0, 2, 0, 0), 2);
        Fault(new AttentionRun(0, 0, 0, 0), 0);
        Assert.Throws<ArgumentException>(() => CachedAttention.Forward(
            _pool, x, x, store, 0, [new AttentionRun(0, 2, 0, 0)], [0], rule with { H = 0 }));
    }

    private static double[] Naive(
        ReadOnlySpan<float> q, float[] keys, float[] values, int position, int head, int K, int D, int window,
        double scale, double softcap)
    {
        var first = window == 0 ? 0 : Math.Max(0, position - window + 1);
        var p = new double[position + 1];
        for (var j = first; j <= position; j++)
        {
            for (var d = 0; d < D; d++)
                p[j] += q[d] * (double)keys[(((j * K) + head) * D) + d];
            p[j] *= scale;
            if (softcap > 0)
                p[j] = softcap * Math.Tanh(p[j] / softcap);
        }

        var max = p[first..].Max();
        var sum = p[first..].Sum(s => Math.Exp(s - max));
        var y = new double[D];
        for (var j = first; j <= position; j++)
            for (var d = 0; d < D; d++)
                y[d] += Math.Exp(p[j] - max) / sum * values[(((j * K) + head) * D) + d];
        return y;
    }
}
