using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 32 values as a power of two and 4-bit floats (E2M1): the OCP Microscaling format MXFP4. Halves of a byte as in <see
/// cref="Q4_0"/>; 4.25 bits a value.
/// </summary>
/// <remarks>The codes are twice the E2M1 values, so that they are integers; the scale is half of 2^(e − 127).</remarks>
internal readonly unsafe struct MXFP4 : IBlockDecoder
{
    /// <summary>Twice the values of E2M1: sign, two bits of exponent, one of mantissa.</summary>
    public static Vector128<sbyte> Codes => Vector128.Create(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        var s = Vector512.Create(Scale(block[0]));
        var q = Vector128.Load(block + 1);
        (Lanes.Floats(Vector128.Shuffle(Codes, Lanes.Low(q).AsSByte())) * s).Store(y);
        (Lanes.Floats(Vector128.Shuffle(Codes, Lanes.High(q).AsSByte())) * s).Store(y + 16);
    }

    // 2^(e − 128): the exponent field is one less, and the two smallest are subnormal.
    private static float Scale(byte e) =>
        BitConverter.UInt32BitsToSingle(e < 2 ? 0x0020_0000u << e : (uint)(e - 1) << 23);
}
