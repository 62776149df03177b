using System.Runtime.CompilerServices;

namespace Wisp.Compute;

/// <summary>Binary16 numbers in blocks, and the ones nearest to a scale that is looked for.</summary>
internal static unsafe class Halves
{
    private const float Largest = 65504;

    /// <summary>A half as a float, exact: in line, where the conversion of the library is a call.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(byte* p)
    {
        const int infinity = 0x7c00;
        const float bias = 5.192297e33f; // 2^112, by which the exponents' zeros are apart
        int bits = Unsafe.ReadUnaligned<ushort>(p), magnitude = bits & 0x7fff;
        if (magnitude >= infinity)
            return (float)BitConverter.UInt16BitsToHalf((ushort)bits);
        var value = BitConverter.Int32BitsToSingle(magnitude << 13) * bias;
        return BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(value) | ((bits & 0x8000) << 16));
    }

    /// <summary>To nearest even, infinity where the value is beyond the range.</summary>
    public static void Store(byte* p, float value) =>
        Unsafe.WriteUnaligned(p, BitConverter.HalfToUInt16Bits((Half)value));

    /// <summary>The nearest half that is finite: an infinite scale would spoil the whole block.</summary>
    public static float Nearest(float v) => (float)(Half)Math.Clamp(v, -Largest, Largest);

    /// <summary>
    /// The nearest half of at least that magnitude, or the largest: what is divided by it stays within its limit.
    /// </summary>
    public static float Up(float v)
    {
        var nearest = Nearest(v);
        if (MathF.Abs(nearest) >= MathF.Abs(v))
            return nearest;
        var bits = BitConverter.HalfToUInt16Bits(Half.CopySign((Half)nearest, (Half)v));
        return Nearest((float)BitConverter.UInt16BitsToHalf((ushort)(bits + 1)));
    }
}
