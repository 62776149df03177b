using System.Runtime.InteropServices;
using Wisp.Compute;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Compute;

public class BlocksTests
{
    [Theory]
    [InlineData(DType.F16), InlineData(DType.BF16), InlineData(DType.Q8_0)]
    public void Decoding_gives_the_bits_that_llama_cpp_gives(DType type)
    {
        var golden = GoldenFile.Open($"llamacpp/quant/dequant-{type.Name().ToLowerInvariant()}.safetensors");
        foreach (var set in (string[])["quantized", "random", "edge"])
        {
            if (!golden.Has($"{set}_blocks"))
                continue;
            var expected = golden.Floats($"{set}_expected");
            var actual = new float[expected.Length];
            Blocks.Decode(actual, golden.RawBytes($"{set}_blocks"), type);
            Assert.Equal(Bits(expected), Bits(actual));
        }
    }

    [Theory]
    [InlineData(DType.F16), InlineData(DType.BF16), InlineData(DType.Q8_0)]
    public void Encoding_gives_the_bytes_that_llama_cpp_gives(DType type)
    {
        var golden = GoldenFile.Open("llamacpp/quant/quantize.safetensors");
        var x = golden.Floats("x");
        var expected = golden.RawBytes($"{type.Name().ToLowerInvariant()}.bytes");
        var actual = new byte[expected.Length];
        Blocks.Encode(actual, x, type);
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void Every_half_decodes_to_its_value_and_comes_back()
    {
        var all = Enumerable.Range(0, 1 << 16).Select(i => (ushort)i).ToArray();
        var values = new float[all.Length];
        Float16.Decode(values, all);
        for (var i = 0; i < all.Length; i++)
            Assert.Equal(Quiet((float)BitConverter.UInt16BitsToHalf(all[i])), Quiet(values[i]));

        var back = new ushort[all.Length];
        Float16.Encode(back, values);
        for (var i = 0; i < all.Length; i++)
            Assert.Equal(Half.IsNaN(BitConverter.UInt16BitsToHalf(all[i])) ? all[i] | 0x200 : all[i], back[i]);
    }

    // Both paths, body and tail, at the values where rounding decides: around every half-way point between two halves,
    // at the edge to infinity and at the edge to zero.
    [Fact]
    public void Narrowing_to_half_rounds_to_nearest_even_everywhere()
    {
        var x = new List<float>();
        for (var i = 0; i < 0x7c00; i++)
        {
            var middle = (float)(((double)(float)Half(i) + (i == 0x7bff ? 65536 : (float)Half(i + 1))) / 2);
            x.AddRange([middle, MathF.BitIncrement(middle), MathF.BitDecrement(middle), -middle]);
        }

        x.AddRange([0f, -0f, float.Epsilon, -float.Epsilon, float.MaxValue]);
        x.AddRange([float.PositiveInfinity, float.NegativeInfinity]);
        var y = new ushort[x.Count];
        Float16.Encode(y, x.ToArray());
        for (var i = 0; i < y.Length; i++)
            Assert.Equal(BitConverter.HalfToUInt16Bits((Half)x[i]), y[i]);

        static Half Half(int bits) => BitConverter.UInt16BitsToHalf((ushort)bits);
    }

    [Theory]
    [InlineData(0x3f80_8000u, 0x3f80)] // tie, even below
    [InlineData(0x3f81_8000u, 0x3f82)] // tie, even above
    [InlineData(0x3f80_8001u, 0x3f81), InlineData(0x3f80_7fffu, 0x3f80)]
    [InlineData(0x7f7f_ffffu, 0x7f80)] // the largest float is nearer to infinity than to the largest bfloat16
    [InlineData(0x7f80_0000u, 0x7f80), InlineData(0xff80_0000u, 0xff80)]
    [InlineData(0x7f80_0001u, 0x7fc0), InlineData(0xffff_ffffu, 0xffff)] // NaN stays NaN
    [InlineData(0x0000_0001u, 0x0000), InlineData(0x8000_0000u, 0x8000), InlineData(0x0001_8000u, 0x0002)]
    public void Narrowing_to_bfloat16_rounds_to_nearest_even(uint bits, int expected)
    {
        var x = Enumerable.Repeat(BitConverter.UInt32BitsToSingle(bits), 17).ToArray(); // a vector, then a tail of one
        var y = new ushort[17];
        BFloat16.Encode(y, x);
        Assert.All(y, v => Assert.Equal(expected, v));
        BFloat16.Decode(x, y);
        Assert.All(Bits(x), v => Assert.Equal((uint)expected << 16, v));
    }

    [Fact]
    public void Q8_0_rounds_ties_away_from_zero_and_nothing_else()
    {
        var x = new float[32];
        x[0] = 127; // makes the scale exactly 1
        (x[1], x[2], x[3], x[4], x[5]) = (0.5f, -0.5f, 0.49999997f, 2.5f, -126.5f);
        var blocks = new byte[34];
        Blocks.Encode(blocks, x, DType.Q8_0);
        Assert.Equal([0x00, 0x3c, 127, 1, 0xff, 0, 3, 0x81, 0], blocks[..9]);
        Blocks.Encode(blocks, new float[32], DType.Q8_0);
        Assert.All(blocks, b => Assert.Equal(0, b));
    }

    // Half a step of rounding, and the scale's own rounding to 11 bits on top: |x - d·q| ≤ d/2 + max·2^-11.
    [Fact]
    public void A_round_trip_through_Q8_0_stays_within_half_a_step()
    {
        const int count = 32 * 257;
        var x = Sample.Normal(count, seed: 1);
        var blocks = new byte[DType.Q8_0.BytesOf(count)];
        var y = new float[count];
        Blocks.Encode(blocks, x, DType.Q8_0);
        Blocks.Decode(y, blocks, DType.Q8_0);
        for (var b = 0; b < count; b += 32)
        {
            var max = x.AsSpan(b, 32).ToArray().Max(Math.Abs);
            for (var i = b; i < b + 32; i++)
                Assert.InRange(y[i], x[i] - max / 254 - max / 2048, x[i] + max / 254 + max / 2048);
        }
    }

    [Theory]
    [InlineData(1), InlineData(7), InlineData(16), InlineData(64), InlineData(65), InlineData(257)]
    public void Vector_and_tail_agree_at_every_length(int count)
    {
        var x = Sample.Normal(count, seed: 3, scale: 100);
        foreach (var type in (DType[])[DType.F32, DType.F16, DType.BF16])
        {
            var bytes = new byte[type.BytesOf(count) + 1];
            var y = new float[count];
            Blocks.Encode(bytes.AsSpan(1), x, type); // off by one: the bytes need no alignment
            Blocks.Decode(y, bytes.AsSpan(1), type);
            for (var i = 0; i < count; i++)
            {
                var one = new float[1];
                var narrow = new byte[type.BytesOf(1)];
                Blocks.Encode(narrow, x.AsSpan(i, 1), type);
                Blocks.Decode(one, narrow, type);
                Assert.Equal(one[0], y[i]);
            }
        }
    }

    [Fact]
    public void Types_that_are_only_listed_are_refused_by_name()
    {
        var (y, block) = (new float[256], new byte[144]);
        var refusal = Assert.Throws<NotSupportedException>(() => Blocks.Decode(y, block, DType.Q4_K));
        Assert.Contains("Q4_K", refusal.Message);
        Assert.Throws<ArgumentException>(() => Blocks.Decode(new float[33], new byte[34], DType.Q8_0));
        Assert.Throws<ArgumentException>(() => Blocks.Encode(new byte[7], new float[4], DType.F16));
    }

    private static uint[] Bits(float[] x) => MemoryMarshal.Cast<float, uint>(x).ToArray();

    private static uint Quiet(float x) =>
        BitConverter.SingleToUInt32Bits(x) | (float.IsNaN(x) ? 0x0040_0000u : 0);
}
