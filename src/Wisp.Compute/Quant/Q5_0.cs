using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 32 values as a binary16 scale and 5-bit integers: x ≈ d·(q − 16), 5.5 bits a value. The lower four bits lie as in
/// <see cref="Q4_0"/>; bit j of a 32-bit word is the fifth bit of value j.
/// </summary>
internal readonly unsafe struct Q5_0 : IBlockDecoder, IBlockEncoder
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        var d = Vector512.Create(Halves.Load(block));
        var (low, high) = Codes(block + 2);
        var zero = Vector512.Create(16);
        (Vector512.ConvertToSingle(low - zero) * d).Store(y);
        (Vector512.ConvertToSingle(high - zero) * d).Store(y + 16);
    }

    public static void Encode(byte* block, float* x)
    {
        var d = Extremes.Signed(x, 32) / -16;
        var inverse = d != 0 ? 1 / d : 0;
        Halves.Store(block, d);
        var fifth = 0u;
        for (var j = 0; j < 16; j++)
        {
            int low = Code(x[j] * inverse), high = Code(x[j + 16] * inverse);
            block[6 + j] = (byte)(low & 15 | high << 4);
            fifth |= (uint)low >> 4 << j | (uint)high >> 4 << j + 16;
        }

        Unsafe.WriteUnaligned(block + 2, fifth);
    }

    /// <summary>The integers 0 to 31 of a word of fifth bits and the 16 bytes after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<int> Low, Vector512<int> High) Codes(byte* p)
    {
        var fifth = Unsafe.ReadUnaligned<int>(p);
        var q = Vector128.Load(p + 4);
        return (Lanes.Ints(Lanes.Low(q)) | Fifth(fifth), Lanes.Ints(Lanes.High(q)) | Fifth(fifth >> 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Fifth(int bits)
    {
        var bit = Lanes.BitOfLane;
        return Vector512.Equals(Vector512.Create(bits) & bit, bit) & Vector512.Create(16);
    }

    private static int Code(float scaled) => Math.Clamp((int)(scaled + 16.5f), 0, 31);
}
