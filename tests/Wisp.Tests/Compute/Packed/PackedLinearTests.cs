using Wisp.Compute;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Compute.Packed;

public sealed class PackedLinearTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);
    private readonly PackedInput _input = new();

    public static TheoryData<DType> Quantised => RandomWeights.Quantised;

    public static TheoryData<DType> All => RandomWeights.All;

    public void Dispose()
    {
        _input.Dispose();
        _pool.Dispose();
    }

    // Rows: tails alone, whole panels (32), one more. Tokens: every tile (6, 4, 2, 1) and their sums. Columns: one
    // super-block, a half pass (512) and more than two.
    public static (int N, int R, int C)[] Sizes =>
        [(1, 1, 256), (1, 65, 1280), (2, 7, 256), (3, 33, 512), (7, 64, 768), (16, 16, 256), (65, 31, 256)];

    [Theory, MemberData(nameof(Quantised))]
    public void Products_are_those_of_the_weights_and_the_rounded_activations(DType type)
    {
        foreach (var (N, R, C) in Sizes)
        {
            using var weights = new RandomWeights(type, R, C, seed: N + R);
            using var packed = PackedMatrix.Pack(_pool, weights.W);
            var x = Sample.Normal(N * C, 2);
            var y = Multiply(packed, x, N);
            var rounded = NaiveEightBits.Rounded(x);
            for (var n = 0; n < N; n++)
            {
                for (var r = 0; r < R; r++)
                {
                    double sum = 0, size = 0;
                    for (var c = 0; c < C; c++)
                        sum += weights.Values[r * C + c] * rounded[n * C + c];
                    for (var c = 0; c < C; c += 16)
                        size += Largest(weights.Values.AsSpan(r * C + c, 16), rounded.AsSpan(n * C + c, 16));
                    // Integers are exact. A scale of 16 or 32 values takes three roundings, of the product of scales,
                    // of the sum it multiplies and of its addition, and as many for its minimum, each of what is at
                    // most the sum of the codes' magnitudes; the chain adds C/16 of them.
                    Assert.True(Math.Abs(y[n * R + r] - sum) <= (6 + C / 16) * Check.Eps * size,
                        $"({N}, {R}, {C}) [{n}, {r}] is {y[n * R + r]}, expected {sum}");
                }
            }
        }

        // 16 times the largest products: with a minimum the codes' part and the minimum's may cancel.
        static double Largest(ReadOnlySpan<float> w, ReadOnlySpan<double> x)
        {
            double a = 0, b = 0;
            for (var i = 0; i < w.Length; i++)
                (a, b) = (Math.Max(a, Math.Abs(w[i])), Math.Max(b, Math.Abs(x[i])));
            return 4 * 16 * a * b + 1e-3;
        }
    }

    [Theory, MemberData(nameof(Quantised))]
    public void Products_are_as_near_the_exact_ones_as_eight_bits_can_promise(DType type)
    {
        const int N = 5, R = 40, C = 768;
        using var weights = new RandomWeights(type, R, C, seed: 3);
        using var packed = PackedMatrix.Pack(_pool, weights.W);
        float[] x = Sample.Normal(N * C, 4), exact = new float[N * R];
        Linear.Multiply(_pool, exact, R, x, weights.W);
        var y = Multiply(packed, x, N);
        var steps = NaiveEightBits.HalfSteps(x);
        for (var n = 0; n < N; n++)
            for (var r = 0; r < R; r++)
            {
                double bound = 0;
                for (var c = 0; c < C; c++)
                    bound += Math.Abs(weights.Values[r * C + c]) * steps[n * C + c];
                // Both chains round in float32 too, by far less than a hundredth of that.
                Assert.True(Math.Abs(y[n * R + r] - (double)exact[n * R + r]) <= 1.01 * bound);
            }
    }

    // Chains of 384 columns and the sums of those: C + 2 roundings, each of at most the sum of magnitudes.
    [Theory, InlineData(DType.F32), InlineData(DType.F16), InlineData(DType.BF16)]
    public void Products_of_floats_are_those_of_the_definition(DType type)
    {
        foreach (var (N, R, C) in (ReadOnlySpan<(int, int, int)>)
            [(1, 1, 1), (1, 49, 385), (2, 7, 7), (9, 48, 65), (16, 97, 257), (65, 16, 800)])
        {
            using var weights = new RandomWeights(type, R, C, seed: 18);
            using var packed = PackedMatrix.Pack(_pool, weights.W);
            var x = Sample.Normal(N * C, 19);
            var y = Multiply(packed, x, N);
            for (var i = 0; i < y.Length; i++)
            {
                double sum = 0, size = 0;
                for (var c = 0; c < C; c++)
                {
                    var term = (double)weights.Values[i % R * C + c] * x[i / R * C + c];
                    (sum, size) = (sum + term, size + Math.Abs(term));
                }

                Assert.True(Math.Abs(y[i] - sum) <= (C + 2) * Check.Eps * size, $"({N}, {R}, {C}) [{i}]");
            }
        }
    }

    // In memory of their own or one after another, the copies are the same.
    [Theory, MemberData(nameof(All))]
    public void Matrices_that_share_memory_do_not_touch_each_other(DType type)
    {
        using RandomWeights a = new(type, 33, 256, seed: 13), b = new(type, 7, 512, seed: 14);
        using var memory = new PackedMemory(a.W, b.W);
        using PackedMatrix alone = PackedMatrix.Pack(_pool, a.W), first = PackedMatrix.Pack(_pool, a.W, memory);
        using var second = PackedMatrix.Pack(_pool, b.W, memory);
        Assert.True(memory.Bytes < a.W.Bytes * 8 + b.W.Bytes * 8);
        float[] xa = Sample.Normal(256, 15), xb = Sample.Normal(512, 16);
        using var fresh = PackedMatrix.Pack(_pool, b.W);
        Assert.Equal(Multiply(alone, xa, 1), Multiply(first, xa, 1));
        Assert.Equal(Multiply(fresh, xb, 1), Multiply(second, xb, 1));
    }

    [Theory, MemberData(nameof(All))]
    public void A_row_has_the_same_bits_alone_in_any_batch_and_on_any_number_of_threads(DType type)
    {
        const int N = 31, R = 49, C = 768;
        using var weights = new RandomWeights(type, R, C, seed: 5);
        using var packed = PackedMatrix.Pack(_pool, weights.W);
        var x = Sample.Normal(N * C, 6);
        var y = Multiply(packed, x, N);
        Assert.Contains(y, v => v != 0);
        for (var n = 0; n < N; n++)
            Assert.Equal(Multiply(packed, x.AsSpan(n * C, C), 1), y[(n * R)..((n + 1) * R)]);
        foreach (var from in (int[])[1, 13, 29])
            Assert.Equal(Multiply(packed, x.AsSpan(from * C, (N - from) * C), N - from), y[(from * R)..]);
        foreach (var threads in (int[])[1, 3])
        {
            using var pool = new WorkerPool(threads);
            using var again = PackedMatrix.Pack(pool, weights.W);
            using var input = new PackedInput();
            var same = new float[N * R];
            input.Set(pool, x, again);
            PackedLinear.Multiply(pool, same, R, input, again);
            Assert.Equal(same, y);
        }
    }

    // Rows: tasks of several panels for one thread, the last panel not full. Tokens: as many as one task takes, and
    // more.
    [Theory, MemberData(nameof(All))]
    public void A_row_has_the_same_bits_in_a_large_matrix_and_in_a_large_batch(DType type)
    {
        using var pool = new WorkerPool(1);
        foreach (var (N, R, C) in (ReadOnlySpan<(int, int, int)>)[(17, 775, 512), (600, 33, 256)])
        {
            using var weights = new RandomWeights(type, R, C, seed: 20);
            using var packed = PackedMatrix.Pack(pool, weights.W);
            using var input = new PackedInput();
            var x = Sample.Normal(N * C, 21);
            float[] all = new float[N * R], some = new float[N * R];
            input.Set(pool, x, packed);
            PackedLinear.Multiply(pool, all, R, input, packed);
            foreach (var (from, count) in (ReadOnlySpan<(int, int)>)[(0, 1), (N - 1, 1), (1, 2), (3, 5), (0, 16)])
            {
                input.Set(pool, x.AsSpan(from * C, count * C), packed);
                PackedLinear.Multiply(pool, some, R, input, packed);
                Assert.Equal(all[(from * R)..((from + count) * R)], some[..(count * R)]);
            }
        }
    }

    // Codes and activations at their ends: sums that an instruction of 16 bits would cut off.
    [Theory, MemberData(nameof(Quantised))]
    public void Every_kernel_of_this_processor_gives_the_same_bits(DType type)
    {
        const int N = 17, R = 40, C = 512;
        foreach (var fill in (byte?[])[null, 0x00, 0x7f, 0x80, 0xff])
        {
            using var weights = new RandomWeights(type, R, C, seed: 7, fill);
            using var packed = PackedMatrix.Pack(_pool, weights.W);
            float[] x = Sample.Normal(N * C, 8), extremes = new float[N * C];
            for (var i = 0; i < extremes.Length; i++)
                extremes[i] = i / C % 3 == 0 ? 1 : i / C % 3 == 1 ? -1 : i % 2 == 0 ? 1 : -1;
            foreach (var a in (float[][])[x, extremes])
            {
                packed.Tile = TileKind.Portable;
                var expected = Multiply(packed, a, N);
                for (var tile = TileKind.Portable; tile <= packed.Kernels.BestTile; tile++)
                {
                    if (!IntegerProduct.IsSupported(tile))
                        continue;
                    packed.Tile = tile;
                    Assert.Equal(expected, Multiply(packed, a, N));
                    Assert.Equal(expected[..R], Multiply(packed, a.AsSpan(0, C), 1));
                }
            }
        }
    }

    [Theory]
    [InlineData(DType.Q8_0, 1), InlineData(DType.Q4_K, 1), InlineData(DType.F16, 1), InlineData(DType.F32, 1)]
    [InlineData(DType.Q8_0, 9), InlineData(DType.Q4_K, 9), InlineData(DType.F16, 9), InlineData(DType.F32, 9)]
    public void Results_start_from_the_bias_and_what_they_add_to_and_nothing_beside_them_is_written(DType type, int N)
    {
        const int R = 37, C = 512, stride = R + 5;
        using var weights = new RandomWeights(type, R, C, seed: 9);
        using var packed = PackedMatrix.Pack(_pool, weights.W);
        float[] x = Sample.Normal(N * C, 10), bias = Sample.Normal(R, 11), start = Sample.Normal(N * stride, 12);
        var plain = Multiply(packed, x, N);
        _input.Set(_pool, x, packed);
        foreach (var accumulate in new[] { false, true })
        {
            foreach (var b in (float[][])[[], bias])
            {
                var y = start.ToArray();
                PackedLinear.Multiply(_pool, y, stride, _input, packed, b, accumulate);
                for (var i = 0; i < y.Length; i++)
                {
                    var (n, r) = (i / stride, i % stride);
                    if (r >= R)
                    {
                        Assert.Equal(start[i], y[i]);
                        continue;
                    }

                    var from = (accumulate ? start[i] : 0f) + (b.Length > 0 ? b[r] : 0f);
                    // Another start of the chain: every one of its sums, some C/16, may round otherwise.
                    var size = Math.Abs(from) + 8 * C * Math.Sqrt(C);
                    Assert.True(Math.Abs(y[i] - (double)from - plain[n * R + r]) <= C / 16 * Check.Eps * size);
                    if (from == 0)
                        Assert.Equal(plain[n * R + r], y[i]);
                }
            }
        }
    }

    [Theory, InlineData(1), InlineData(3), InlineData(200)]
    public void Products_of_one_input_in_one_dispatch_are_those_one_by_one(int N)
    {
        const int C = 512;
        using RandomWeights q = new(DType.Q4_K, 70, C, 13), k = new(DType.F16, 50, C, 14),
            v = new(DType.Q6_K, 33, C, 15);
        using PackedMatrix pq = PackedMatrix.Pack(_pool, q.W), pk = PackedMatrix.Pack(_pool, k.W),
            pv = PackedMatrix.Pack(_pool, v.W);
        float[] x = Sample.Normal(N * C, 16), bias = Sample.Normal(33, 17), one = new float[N * 70],
            two = new float[N * 50], three = new float[N * 33], sideBySide = new float[N * 120];
        _input.Set(_pool, x, pq, pk, pv);
        PackedLinear.Multiply(_pool, _input, new PackedProduct(one, 70, pq), new PackedProduct(two, 50, pk),
            new PackedProduct(three, 33, pv, bias));
        PackedLinear.Multiply(_pool, _input, new PackedProduct(sideBySide, 120, pq),
            new PackedProduct(sideBySide.AsSpan(70), 120, pk));

        var last = new float[N * 33];
        PackedLinear.Multiply(_pool, last, 33, _input, pv, bias);
        Assert.Equal(Multiply(pq, x, N), one);
        Assert.Equal(Multiply(pk, x, N), two);
        Assert.Equal(last, three);
        for (var n = 0; n < N; n++)
        {
            Assert.Equal(one[(n * 70)..((n + 1) * 70)], sideBySide[(n * 120)..(n * 120 + 70)]);
            Assert.Equal(two[(n * 50)..((n + 1) * 50)], sideBySide[(n * 120 + 70)..((n + 1) * 120)]);
        }
    }

    private float[] Multiply(PackedMatrix w, ReadOnlySpan<float> x, int n)
    {
        var y = new float[n * w.Rows];
        _input.Set(_pool, x, w);
        Assert.Equal(n, _input.N);
        PackedLinear.Multiply(_pool, y, w.Rows, _input, w);
        return y;
    }
}
