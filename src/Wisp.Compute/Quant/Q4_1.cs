using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 32 values as two binary16 numbers and 4-bit integers: x ≈ d·q + m with m the smallest value, 5 bits a value.
/// Halves of a byte as in <see cref="Q4_0"/>.
/// </summary>
internal readonly unsafe struct Q4_1 : IBlockDecoder, IBlockEncoder
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        Vector512<float> d = Vector512.Create(Halves.Load(block)), m = Vector512.Create(Halves.Load(block + 2));
        var q = Vector128.Load(block + 4);
        (Lanes.Floats(Lanes.Low(q)) * d + m).Store(y);
        (Lanes.Floats(Lanes.High(q)) * d + m).Store(y + 16);
    }

    public static void Encode(byte* block, float* x)
    {
        var (min, max) = Extremes.Range(x, 32);
        var d = (max - min) / 15;
        var inverse = d != 0 ? 1 / d : 0;
        Halves.Store(block, d);
        Halves.Store(block + 2, min);
        for (var j = 0; j < 16; j++)
            block[4 + j] = (byte)(Code((x[j] - min) * inverse) | Code((x[j + 16] - min) * inverse) << 4);
    }

    private static int Code(float scaled) => Math.Clamp((int)(scaled + 0.5f), 0, 15);
}
