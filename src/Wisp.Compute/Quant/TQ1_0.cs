using System.Runtime.CompilerServices;

namespace Wisp.Compute;

/// <summary>
/// 256 values of −1, 0 and 1 times a binary16 scale, five ternary digits a byte: 1.6875 bits a value.
/// </summary>
/// <remarks>
/// A byte b holds the fraction b/256 in base 3, so 3·b/256 has its first digit before the point and the rest behind.
/// The first 32 bytes hold five runs of 32 values, the next 16 five runs of 16, the last 4 four runs of 4.
/// </remarks>
internal readonly unsafe struct TQ1_0 : IBlockDecoder
{
    private const int ScaleAt = 52;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        var d = Halves.Load(block + ScaleAt);
        y = Digits(y, block, 32, 5, d);
        y = Digits(y, block + 32, 16, 5, d);
        Digits(y, block + 48, 4, 4, d);
    }

    private static float* Digits(float* y, byte* bytes, int count, int digits, float d)
    {
        for (var i = 0; i < count; i++)
        {
            int rest = bytes[i];
            for (var digit = 0; digit < digits; digit++)
            {
                rest *= 3;
                y[digit * count + i] = ((rest >> 8) - 1) * d;
                rest &= 255;
            }
        }

        return y + digits * count;
    }
}
