using System.Runtime.CompilerServices;

namespace Wisp.Compute;

/// <summary>
/// 64 values of d·(q − 1) with q of 2 bits and a binary16 d: four values a byte in their order, from the lowest bits
/// on.
/// </summary>
internal readonly unsafe struct Q2_0 : IBlockDecoder
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        var d = Halves.Load(block);
        for (var i = 0; i < 64; i++)
            y[i] = ((block[2 + i / 4] >> i % 4 * 2 & 3) - 1) * d;
    }
}
