using System.Runtime.InteropServices;
using Wisp.Compute;

namespace Wisp.Tests.Compute;

public class BlocksTests
{
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
        var (y, block) = (new float[256], new byte[82]);
        var refusal = Assert.Throws<NotSupportedException>(() => Blocks.Decode(y, block, DType.IQ2_S));
        Assert.StartsWith("IQ2_S values cannot be read; F32, F16, Q4_0,", refusal.Message);
        refusal = Assert.Throws<NotSupportedException>(() => Blocks.Encode(block.AsSpan(0, 66), y, DType.TQ2_0));
        Assert.StartsWith("TQ2_0 values cannot be written; F32, F16, Q4_0,", refusal.Message);
        Assert.Throws<ArgumentException>(() => Blocks.Decode(new float[33], new byte[34], DType.Q8_0));
        Assert.Throws<ArgumentException>(() => Blocks.Encode(new byte[7], new float[4], DType.F16));
    }

    private static uint[] Bits(float[] x) => MemoryMarshal.Cast<float, uint>(x).ToArray();

    private static uint Quiet(float x) =>
        BitConverter.SingleToUInt32Bits(x) | (float.IsNaN(x) ? 0x0040_0000u : 0);
}
