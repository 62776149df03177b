using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 32 values as a binary16 scale and 4-bit integers: x ≈ d·(q − 8), 4.5 bits a value. Byte j holds q of value j in its
/// lower half and of value j + 16 in its upper half.
/// </summary>
internal readonly unsafe struct Q4_0 : IBlockDecoder, IBlockEncoder
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        var d = Vector512.Create(Halves.Load(block));
        var q = Vector128.Load(block + 2);
        var zero = Vector128.Create((byte)8);
        (Lanes.Floats((Lanes.Low(q) - zero).AsSByte()) * d).Store(y);
        (Lanes.Floats((Lanes.High(q) - zero).AsSByte()) * d).Store(y + 16);
    }

    /// <summary>
    /// The value of largest magnitude becomes exactly −8·d, so that the code with no opposite is not wasted.
    /// </summary>
    public static void Encode(byte* block, float* x)
    {
        var d = Extremes.Signed(x, 32) / -8; // a block of zeros gets −0, as in the reference quantiser
        var inverse = d != 0 ? 1 / d : 0;
        Halves.Store(block, d);
        for (var j = 0; j < 16; j++)
            block[2 + j] = (byte)(Code(x[j] * inverse) | Code(x[j + 16] * inverse) << 4);
    }

    private static int Code(float scaled) => Math.Clamp((int)(scaled + 8.5f), 0, 15);
}
