using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 32 values as two binary16 numbers and 5-bit integers: x ≈ d·q + m with m the smallest value, 6 bits a value. The
/// bits lie as in <see cref="Q5_0"/>.
/// </summary>
internal readonly unsafe struct Q5_1 : IBlockDecoder, IBlockEncoder
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        Vector512<float> d = Vector512.Create(Halves.Load(block)), m = Vector512.Create(Halves.Load(block + 2));
        var (low, high) = Q5_0.Codes(block + 4);
        (Vector512.ConvertToSingle(low) * d + m).Store(y);
        (Vector512.ConvertToSingle(high) * d + m).Store(y + 16);
    }

    public static void Encode(byte* block, float* x)
    {
        var (min, max) = Extremes.Range(x, 32);
        var d = (max - min) / 31;
        var inverse = d != 0 ? 1 / d : 0;
        Halves.Store(block, d);
        Halves.Store(block + 2, min);
        var fifth = 0u;
        for (var j = 0; j < 16; j++)
        {
            int low = Code((x[j] - min) * inverse), high = Code((x[j + 16] - min) * inverse);
            block[8 + j] = (byte)(low & 15 | high << 4);
            fifth |= (uint)low >> 4 << j | (uint)high >> 4 << j + 16;
        }

        Unsafe.WriteUnaligned(block + 4, fifth);
    }

    private static int Code(float scaled) => Math.Clamp((int)(scaled + 0.5f), 0, 31);
}
