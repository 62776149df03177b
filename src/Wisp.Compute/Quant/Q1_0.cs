using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 128 values of ±d, d a binary16 number: bit i, from the lowest on, says whether value i is positive.
/// </summary>
internal readonly unsafe struct Q1_0 : IBlockDecoder
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        Vector512<float> d = Vector512.Create(Halves.Load(block));
        var bit = Lanes.BitOfLane;
        for (var i = 0; i < 8; i++)
        {
            var bits = Vector512.Create((int)Unsafe.ReadUnaligned<ushort>(block + 2 + 2 * i));
            var positive = Vector512.Equals(bits & bit, bit).AsSingle();
            Vector512.ConditionalSelect(positive, d, -d).Store(y + 16 * i);
        }
    }
}
