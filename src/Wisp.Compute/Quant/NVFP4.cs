using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 64 values in 4 sub-blocks of 16 with an 8-bit float (E4M3, unsigned) as the scale of each, and 4-bit floats as in
/// <see cref="MXFP4"/>. A sub-block's 8 bytes hold value j in the lower half of byte j and value j + 8 in the upper.
/// </summary>
internal readonly unsafe struct NVFP4 : IBlockDecoder
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        for (var j = 0; j < 4; j++)
        {
            var bytes = Vector64.Load(block + 4 + 8 * j);
            var q = Vector128.Create(bytes & Vector64.Create((byte)15), bytes >> 4).AsSByte();
            var s = Vector512.Create(Scale(block[j]));
            (Lanes.Floats(Vector128.Shuffle(MXFP4.Codes, q)) * s).Store(y + 16 * j);
        }
    }

    // Half of the E4M3 value, because the codes are doubled. 0x7f, its NaN, counts as 0 in the reference.
    private static float Scale(byte e)
    {
        int exponent = e >> 3 & 15, mantissa = e & 7;
        if (e == 0x7f)
            return 0;
        return exponent == 0
            ? mantissa * 0.0009765625f // 2^-9 / 2
            : BitConverter.Int32BitsToSingle((exponent - 8 + 127) << 23 | mantissa << 20);
    }
}
