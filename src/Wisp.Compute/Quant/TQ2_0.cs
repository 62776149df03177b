using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 256 values of −1, 0 and 1 times a binary16 scale, in two bits each; they lie as in <see cref="Q2_K"/>.
/// </summary>
internal readonly unsafe struct TQ2_0 : IBlockDecoder
{
    private const int ScaleAt = 64;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        var d = Vector512.Create(Halves.Load(block + ScaleAt));
        for (var part = 0; part < 4; part++)
        {
            var bytes = Vector128.Load(block + 16 * part);
            var to = y + 128 * (part / 2) + 16 * (part % 2);
            for (var run = 0; run < 4; run++, to += 32)
            {
                var q = (bytes & Vector128.Create((byte)3)) - Vector128<byte>.One;
                bytes >>= 2;
                (Lanes.Floats(q.AsSByte()) * d).Store(to);
            }
        }
    }
}
