using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 256 values as a float32 scale, 256 signed bytes and the sums of each 16 of them as 16-bit integers: the activations
/// that meet weights in blocks of 256, whose minima need those sums. No file holds it.
/// </summary>
/// <remarks>The value of largest magnitude becomes −127; ties round to even, unlike in <see cref="Q8_0"/>.</remarks>
internal readonly unsafe struct Q8_K : IBlockEncoder
{
    private const int Length = 256, SumsAt = 4 + Length, Bytes = SumsAt + 2 * (Length / 16);

    public static void Encode(byte* block, float* x)
    {
        var top = Extremes.Signed(x, Length);
        if (top == 0)
        {
            new Span<byte>(block, Bytes).Clear();
            return;
        }

        var inverse = -127 / top;
        Unsafe.WriteUnaligned(block, 1 / inverse);
        for (var i = 0; i < Length; i += 16)
        {
            var q = Vector512.ConvertToInt32(Vector512.Round(Vector512.Load(x + i) * Vector512.Create(inverse)));
            q = Vector512.Min(q, Vector512.Create(127));
            Lanes.StoreBytes(block + 4 + i, q);
            Unsafe.WriteUnaligned(block + SumsAt + i / 8, (short)Vector512.Sum(q));
        }
    }
}
