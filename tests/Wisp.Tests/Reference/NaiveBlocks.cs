using System.Buffers.Binary;
using Wisp.Compute;

namespace Wisp.Tests.Reference;

/// <summary>
/// What value i of a block is, one value at a time, by the tables of the formats. Products are float32 in the order
/// of the formulas, because decoders are compared bit for bit.
/// </summary>
internal static class NaiveBlocks
{
    private static readonly int[] s_iq4 = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
    private static readonly int[] s_e2m1 = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    public static float[] Decode(ReadOnlySpan<byte> blocks, DType type)
    {
        int length = type.BlockLength(), bytes = type.BlockBytes();
        var y = new float[blocks.Length / bytes * length];
        for (var i = 0; i < y.Length; i++)
            y[i] = Value(blocks.Slice(i / length * bytes, bytes), i % length, type);
        return y;
    }

    private static float Value(ReadOnlySpan<byte> b, int i, DType type) => type switch
    {
        DType.Q4_0 => (Nibble(b[2..], i) - 8) * Half(b),
        DType.Q4_1 => Nibble(b[4..], i) * Half(b) + Half(b[2..]),
        DType.Q5_0 => ((Nibble(b[6..], i) | Bit(b[2..], i) << 4) - 16) * Half(b),
        DType.Q5_1 => (Nibble(b[8..], i) | Bit(b[4..], i) << 4) * Half(b) + Half(b[2..]),
        DType.Q8_0 => (sbyte)b[2 + i] * Half(b),
        DType.Q2_K => Half(b[80..]) * (b[i / 16] & 15) * Pair(b[16..], i) - Half(b[82..]) * (b[i / 16] >> 4),
        DType.Q3_K => Half(b[108..]) * (Scale3(b[96..], i / 16) - 32) *
            (Pair(b[32..], i) + 4 * (b[i % 32] >> i / 32 & 1) - 4),
        DType.Q4_K => Half(b) * Scale4(b[4..], i / 32) * Quad(b[16..], i) - Half(b[2..]) * Minimum4(b[4..], i / 32),
        DType.Q5_K => Half(b) * Scale4(b[4..], i / 32) * (Quad(b[48..], i) | (b[16 + i % 32] >> i / 32 & 1) << 4) -
            Half(b[2..]) * Minimum4(b[4..], i / 32),
        DType.Q6_K => Half(b[208..]) * (sbyte)b[192 + i / 16] * (Six(b, i) - 32),
        DType.IQ4_NL => s_iq4[Nibble(b[2..], i)] * Half(b),
        DType.IQ4_XS => Half(b) * ((b[4 + i / 64] >> i / 32 % 2 * 4 & 15 | (b[2 + i / 128] >> i / 32 % 4 * 2 & 3) << 4)
            - 32) * s_iq4[Nibble(b[(8 + i / 32 * 16)..], i % 32)],
        DType.MXFP4 => s_e2m1[Nibble(b[1..], i)] * (float)Math.Pow(2, b[0] - 128),
        DType.NVFP4 => s_e2m1[b[4 + i / 16 * 8 + i % 8] >> i / 8 % 2 * 4 & 15] * UnsignedE4M3(b[i / 16]) / 2,
        DType.TQ1_0 => (Ternary(b, i) - 1) * Half(b[52..]),
        DType.TQ2_0 => (Pair(b, i) - 1) * Half(b[64..]),
        DType.Q1_0 => Bit(b[2..], i) == 1 ? Half(b) : -Half(b),
        DType.Q2_0 => ((b[2 + i / 4] >> i % 4 * 2 & 3) - 1) * Half(b),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    private static float Half(ReadOnlySpan<byte> b) => (float)BinaryPrimitives.ReadHalfLittleEndian(b);

    private static int Bit(ReadOnlySpan<byte> b, int i) => b[i / 8] >> i % 8 & 1;

    // 32 values: the first 16 are the lower halves of 16 bytes.
    private static int Nibble(ReadOnlySpan<byte> b, int i) => b[i % 16] >> i / 16 * 4 & 15;

    // 256 values: of each 64, the first 32 are the lower halves of 32 bytes.
    private static int Quad(ReadOnlySpan<byte> b, int i) => b[i / 64 * 32 + i % 32] >> i / 32 % 2 * 4 & 15;

    // 256 values: of each 128, run r of 32 is bit pair r of 32 bytes.
    private static int Pair(ReadOnlySpan<byte> b, int i) => b[i / 128 * 32 + i % 32] >> i / 32 % 4 * 2 & 3;

    // 256 values: of each 128, the first 64 have the lower halves of 64 bytes; the upper two bits are bit pairs.
    private static int Six(ReadOnlySpan<byte> b, int i) =>
        b[i / 128 * 64 + i % 64] >> i / 64 % 2 * 4 & 15 | Pair(b[128..], i) << 4;

    private static int Scale3(ReadOnlySpan<byte> b, int j) =>
        b[j % 8] >> j / 8 * 4 & 15 | (b[8 + j % 4] >> j / 4 * 2 & 3) << 4;

    private static int Scale4(ReadOnlySpan<byte> b, int j) =>
        j < 4 ? b[j] & 63 : b[j + 4] & 15 | b[j - 4] >> 6 << 4;

    private static int Minimum4(ReadOnlySpan<byte> b, int j) =>
        j < 4 ? b[j + 4] & 63 : b[j + 4] >> 4 | b[j] >> 6 << 4;

    private static float UnsignedE4M3(byte e) => (e & 127) switch
    {
        127 when e == 127 => 0,
        < 8 => (e & 7) * (float)Math.Pow(2, -9),
        _ => (1 + (e & 7) / 8f) * (float)Math.Pow(2, (e >> 3 & 15) - 7),
    };

    private static int Ternary(ReadOnlySpan<byte> b, int i)
    {
        var (at, digit) = i < 160 ? (i % 32, i / 32) : i < 240 ? (32 + i % 16, (i - 160) / 16) :
            (48 + i % 4, (i - 240) / 4);
        // The byte is a fraction of 256 in base 3, its first digit just behind the point.
        return (int)(b[at] * (long)Math.Pow(3, digit) % 256 * 3 / 256);
    }
}
