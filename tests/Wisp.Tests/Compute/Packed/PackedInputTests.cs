using Wisp.Compute;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Compute.Packed;

/// <summary>What goes in: odd numbers, wrong shapes, other programs' values.</summary>
public sealed class PackedInputTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);
    private readonly PackedInput _input = new();

    public void Dispose()
    {
        _input.Dispose();
        _pool.Dispose();
    }

    public static TheoryData<DType> All => RandomWeights.All;

    // A number that is none must not vanish in a rounding to integers.
    [Theory]
    [InlineData(float.NaN), InlineData(float.PositiveInfinity), InlineData(float.NegativeInfinity)]
    public void A_value_that_is_no_number_spoils_its_row_and_no_other(float bad)
    {
        foreach (var type in (DType[])[DType.Q8_0, DType.Q4_K, DType.Q2_K, DType.F32])
        {
            foreach (var at in (int[])[0, 5, 300])
            {
                const int N = 3, R = 4, C = 512;
                using var weights = new RandomWeights(type, R, C, seed: 1);
                using var packed = PackedMatrix.Pack(_pool, weights.W);
                float[] x = Sample.Normal(N * C, 2), y = new float[N * R];
                x[C + at] = bad;
                _input.Set(_pool, x, packed);
                PackedLinear.Multiply(_pool, y, R, _input, packed);
                for (var i = 0; i < y.Length; i++)
                    Assert.Equal(i / R != 1, float.IsFinite(y[i]));
            }
        }
    }

    [Theory, InlineData(0f), InlineData(1e-45f), InlineData(1e-38f), InlineData(3e38f)]
    public void Values_of_any_size_give_finite_products(float size)
    {
        const int R = 3, C = 256;
        using var weights = new RandomWeights(DType.Q8_0, R, C, seed: 3, everywhere: 0);
        using var packed = PackedMatrix.Pack(_pool, weights.W);
        float[] x = new float[C], y = new float[R];
        x[7] = size;
        x[100] = -size / 3;
        _input.Set(_pool, x, packed);
        PackedLinear.Multiply(_pool, y, R, _input, packed);
        Assert.All(y, v => Assert.Equal(0, v));
    }

    [Fact]
    public void Halves_of_any_kind_are_read_as_they_are()
    {
        const int R = 64, C = 1024; // all 65,536 of them
        var bits = new byte[R * C * 2];
        for (var i = 0; i < R * C; i++)
            BitConverter.TryWriteBytes(bits.AsSpan(2 * i), (ushort)i);
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, bits);
            using var file = MappedFile.Open(path);
            using var packed = PackedMatrix.Pack(_pool, WeightMatrix.Of(file, 0, DType.F16, R, C));
            float[] x = new float[C], y = new float[R];
            for (var c = 0; c < C; c += 97)
            {
                x.AsSpan().Clear();
                x[c] = 1;
                _input.Set(_pool, x, packed);
                PackedLinear.Multiply(_pool, y, R, _input, packed);
                for (var r = 0; r < R; r++)
                {
                    // Rows with an infinity or a NaN anywhere (0·∞) come out as NaN.
                    var row = r * C & 0x7c00;
                    var value = (float)BitConverter.UInt16BitsToHalf((ushort)(r * C + c));
                    Assert.True(row == 0x7c00 ? float.IsNaN(y[r]) : y[r] == value, $"{r * C + c:x4} gave {y[r]}");
                }
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    // Side by side 32 of them stand together that are numbers, and 32 that are not; mixed, most have one that is not.
    [Theory]
    [InlineData(DType.Q8_0, 1), InlineData(DType.Q8_0, 40_503)]
    [InlineData(DType.Q4_0, 1), InlineData(DType.Q4_0, 40_503)]
    public void Scales_of_any_kind_are_read_as_they_are(DType type, int apart)
    {
        const int R = 65_536, C = 32;
        var rowBytes = type == DType.Q8_0 ? 34 : 18;
        var bits = new byte[R * rowBytes];
        for (var r = 0; r < R; r++)
        {
            var row = bits.AsSpan(r * rowBytes, rowBytes);
            row.Fill(type == DType.Q8_0 ? (byte)0 : (byte)0x88); // zeros,
            BitConverter.TryWriteBytes(row, (ushort)(r * apart));
            row[2]++; // but for a first value of one scale
        }

        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, bits);
            using var file = MappedFile.Open(path);
            using var packed = PackedMatrix.Pack(_pool, WeightMatrix.Of(file, 0, type, R, C));
            foreach (var tokens in (int[])[1, 2, 20]) // where they lie, few, many
            {
                float[] x = new float[tokens * C], y = new float[tokens * R];
                for (var n = 0; n < tokens; n++)
                    x[n * C] = 1;
                _input.Set(_pool, x, packed);
                PackedLinear.Multiply(_pool, y, R, _input, packed);
                for (var i = 0; i < y.Length; i++)
                {
                    var scale = (float)BitConverter.UInt16BitsToHalf((ushort)(i % R * apart));
                    Assert.Equal(127 * (scale * (1f / 127)), y[i]); // as the kernels round it
                }
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    // Halves are read 2 to the 112th too small, and the activations of one token make up for it while they can.
    [Theory]
    [InlineData(1e-42f), InlineData(1e-20f), InlineData(1), InlineData(16_384), InlineData(1e6f), InlineData(1e37f)]
    public void Halves_meet_activations_of_any_size_with_the_same_bits_alone_and_in_a_batch(float size)
    {
        const int R = 50, C = 401; // an odd number of columns, and more than one chain
        using var weights = new RandomWeights(DType.F16, R, C, seed: 21);
        using var packed = PackedMatrix.Pack(_pool, weights.W);
        float[] x = Sample.Normal(2 * C, 22, size), both = new float[2 * R], alone = new float[R];
        _input.Set(_pool, x, packed);
        PackedLinear.Multiply(_pool, both, R, _input, packed);
        for (var n = 0; n < 2; n++)
        {
            _input.Set(_pool, x.AsSpan(n * C, C), packed);
            PackedLinear.Multiply(_pool, alone, R, _input, packed);
            Assert.Equal(both[(n * R)..((n + 1) * R)], alone);
            Assert.Contains(alone, y => y != 0);
        }
    }

    [Fact]
    public void Scales_that_are_no_numbers_spoil_their_rows_and_no_others()
    {
        const int R = 5, C = 256;
        var path = Path.GetTempFileName();
        try
        {
            var bytes = new byte[DType.Q4_0.BytesOf(R * C)];
            for (var block = 0; block < bytes.Length; block += 18)
                BitConverter.TryWriteBytes(bytes.AsSpan(block), (ushort)(block / 144 == 2 ? 0x7c00 : 0x0001));
            File.WriteAllBytes(path, bytes);
            using var file = MappedFile.Open(path);
            using var packed = PackedMatrix.Pack(_pool, WeightMatrix.Of(file, 0, DType.Q4_0, R, C));
            float[] x = new float[C], y = new float[R];
            x.AsSpan().Fill(1);
            _input.Set(_pool, x, packed);
            PackedLinear.Multiply(_pool, y, R, _input, packed);
            for (var r = 0; r < R; r++)
                if (r == 2)
                    Assert.False(float.IsFinite(y[r]));
                else // codes of 0 stand for −8, and 1 is the smallest subnormal half
                    Check.Close([-8f * C * 5.9604645e-8f], [y[r]], 40 * Check.Eps); // 16 roundings of 1/127 and sums
        }
        finally
        {
            File.Delete(path);
        }
    }

    // The peer's kernels round activations to 8 bits as well, some in longer blocks. Over a type's 144 products ours
    // lose no more: the factor is what chance does to two draws of so many errors of equal size (4/√(2·144)).
    [Theory, MemberData(nameof(All))]
    public void Errors_are_no_larger_than_those_of_llama_cpp(DType type)
    {
        var golden = GoldenFile.Open("llamacpp/quant/matvec.safetensors");
        var name = type.Name().ToLowerInvariant();
        float[] x = golden.Floats("x"), exact = golden.Floats($"{name}.y_exact"),
            theirs = golden.Floats($"{name}.y_llamacpp");
        int N = golden.Shape("x")[0], C = golden.Shape("x")[1], R = exact.Length / N;
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, golden.RawBytes($"{name}.w"));
            using var file = MappedFile.Open(path);
            using var packed = PackedMatrix.Pack(_pool, WeightMatrix.Of(file, 0, type, R, C));
            var y = new float[N * R];
            _input.Set(_pool, x, packed);
            PackedLinear.Multiply(_pool, y, R, _input, packed);
            double ours = Error(y), peer = Error(theirs);
            TestContext.Current.SendDiagnosticMessage($"{name}: {ours / peer:f3} of llama.cpp's error");
            // Where the peer is exact up to float32, as with float32 weights, so are we: C/16 sums of a chain.
            Assert.True(ours <= Math.Max(1.24 * peer, C / 16 * Check.Eps * 2), $"{ours:g4} against {peer:g4}");
        }
        finally
        {
            File.Delete(path);
        }

        double Error(float[] y)
        {
            double error = 0, size = 0;
            for (var i = 0; i < y.Length; i++)
            {
                error += ((double)y[i] - exact[i]) * ((double)y[i] - exact[i]);
                size += (double)exact[i] * exact[i];
            }

            return Math.Sqrt(error / size);
        }
    }

    [Theory, MemberData(nameof(All))]
    public void Nothing_is_allocated_after_the_first_call(DType type)
    {
        const int R = 64, C = 256;
        using var weights = new RandomWeights(type, R, C, seed: 5);
        using var packed = PackedMatrix.Pack(_pool, weights.W);
        float[] x = Sample.Normal(7 * C, 6), y = new float[7 * R];
        Run();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Run()
        {
            foreach (var n in (ReadOnlySpan<int>)[7, 1])
            {
                _input.Set(_pool, x.AsSpan(0, n * C), packed);
                PackedLinear.Multiply(_pool, y, R, _input, packed);
            }
        }
    }

    [Theory, MemberData(nameof(All))]
    public void Packed_weights_take_about_the_stored_bytes(DType type)
    {
        using var weights = new RandomWeights(type, 96, 512, seed: 7);
        using var packed = PackedMatrix.Pack(_pool, weights.W);
        Assert.Equal((96, 512, type), (packed.Rows, packed.Columns, packed.Type));
        // Q3_K and IQ4_XS keep their scales of six bits in bytes: 1/27 and 1/68 more.
        var more = type switch { DType.Q3_K => 1 / 27.0, DType.IQ4_XS => 1 / 68.0, _ => 0 };
        Assert.InRange(packed.Bytes, weights.W.Bytes, weights.W.Bytes * (1 + more));
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        using RandomWeights a = new(DType.Q8_0, 3, 64, 8), b = new(DType.Q8_0, 3, 96, 9), f = new(DType.F32, 3, 64, 10);
        using PackedMatrix pa = PackedMatrix.Pack(_pool, a.W), pb = PackedMatrix.Pack(_pool, b.W),
            pf = PackedMatrix.Pack(_pool, f.W);
        Assert.Throws<ArgumentException>(() => _input.Set(_pool, new float[64]));
        Assert.Throws<ArgumentException>(() => _input.Set(_pool, new float[64], pa, pb));
        Assert.Throws<ArgumentOutOfRangeException>(() => _input.Set(_pool, new float[65], pa));
        _input.Set(_pool, new float[128], pa);
        Assert.Throws<ArgumentException>(() => PackedLinear.Multiply(_pool, new float[6], 3, _input, pb));
        Assert.Throws<ArgumentException>(() => PackedLinear.Multiply(_pool, new float[6], 3, _input, pf));
        Assert.Throws<ArgumentException>(() => PackedLinear.Multiply(_pool, new float[5], 3, _input, pa));
        Assert.Throws<ArgumentException>(() => PackedLinear.Multiply(_pool, new float[6], 2, _input, pa));
        Assert.Throws<ArgumentException>(() => PackedLinear.Multiply(_pool, new float[6], 3, _input, pa, new float[2]));
        _input.Set(_pool, [], pa);
        PackedLinear.Multiply(_pool, [], 3, _input, pa);

        Assert.False(PackedMatrix.Supports(DType.TQ1_0));
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, new byte[54]);
            using var file = MappedFile.Open(path);
            var w = WeightMatrix.Of(file, 0, DType.TQ1_0, 1, 256);
            Assert.Throws<NotSupportedException>(() => PackedMatrix.Pack(_pool, w));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
