using Wisp.Compute;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Compute.Quant;

/// <summary>Decoders against the definition of each format, on every bit pattern that chance finds.</summary>
public class BlockDecodeTests
{
    public static TheoryData<DType> Types =>
        [.. Enum.GetValues<DType>().Where(type => type.CanDecode() && type.IsQuantised())];

    // As the scale of a code that is 1.
    [Fact]
    public void Every_half_becomes_the_float_that_it_stands_for()
    {
        const int halves = ushort.MaxValue + 1;
        int length = DType.Q8_0.BlockLength(), bytes = DType.Q8_0.BlockBytes();
        var blocks = new byte[halves * bytes];
        for (var bits = 0; bits < halves; bits++)
        {
            BitConverter.TryWriteBytes(blocks.AsSpan(bits * bytes), (ushort)bits);
            blocks[(bits * bytes) + 2] = 1;
        }

        var y = new float[halves * length];
        Blocks.Decode(y, blocks, DType.Q8_0);
        for (var bits = 0; bits < halves; bits++)
        {
            float expected = (float)BitConverter.UInt16BitsToHalf((ushort)bits), seen = y[bits * length];
            Assert.True(float.IsNaN(expected) ? float.IsNaN(seen)
                : BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(seen),
                $"{bits:x4}: {seen} instead of {expected}");
        }
    }

    // Formulas are the same float32 operations in the same order, so the bits are equal; only a NaN may have any
    // payload.
    [Theory, MemberData(nameof(Types))]
    public void Decoding_agrees_with_the_definition_bit_for_bit(DType type)
    {
        var random = new Random((int)type);
        foreach (var count in (int[])[1, 7, 16, 65, 257])
        {
            var bytes = new byte[1 + count * type.BlockBytes()];
            random.NextBytes(bytes);
            var blocks = bytes.AsSpan(1); // nothing is aligned
            var y = new float[1 + count * type.BlockLength()];
            y[^1] = 42;
            Blocks.Decode(y.AsSpan(0, y.Length - 1), blocks, type);
            Assert.Equal(42, y[^1]);
            var expected = NaiveBlocks.Decode(blocks, type);
            for (var i = 0; i < expected.Length; i++)
                if (Bits(expected[i]) != Bits(y[i]) && !(float.IsNaN(expected[i]) && float.IsNaN(y[i])))
                    Assert.Fail($"value {i} of {count} blocks is {y[i]:g9}, expected {expected[i]:g9}");
        }
    }

    [Theory, MemberData(nameof(Types))]
    public void Decoding_and_encoding_allocate_nothing(DType type)
    {
        var blocks = new byte[8 * type.BlockBytes()];
        var y = new float[8 * type.BlockLength()];
        Run();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Run()
        {
            Blocks.Decode(y, blocks, type);
            if (type.CanEncode())
                Blocks.Encode(blocks, y, type);
        }
    }

    [Theory, MemberData(nameof(Types))]
    public void No_blocks_are_no_work_and_no_fault(DType type)
    {
        Blocks.Decode([], [], type);
        if (type.CanEncode())
            Blocks.Encode([], [], type);
    }

    [Fact]
    public void What_can_be_written_can_be_read()
    {
        foreach (var type in Enum.GetValues<DType>())
        {
            Assert.True(!type.CanEncode() || type.CanDecode(), type.Name());
            Assert.Equal(type.CanDecode(), DTypes.Names(DTypes.CanDecode).Split(", ").Contains(type.Name()));
        }
    }

    private static uint Bits(float x) => BitConverter.SingleToUInt32Bits(x);
}
