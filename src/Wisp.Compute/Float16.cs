using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// IEEE 754 binary16 to float32 and back, many at a time: .NET offers no vector form of Half without a package, and the
/// scalar cast costs about a nanosecond a value.
/// </summary>
public static class Float16
{
    private const float TwoTo112 = 5.192296858534828e33f;

    /// <summary>
    /// Exact for every bit pattern; NaNs keep their payload and become quiet, as the hardware does it.
    /// </summary>
    public static void Decode(Span<float> y, ReadOnlySpan<ushort> x)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(x.Length, y.Length);
        var i = 0;
        for (; i + Vector256<ushort>.Count <= x.Length; i += Vector256<ushort>.Count)
        {
            var (low, high) = Vector256.Widen(Vector256.Create(x.Slice(i)));
            Widened(low).CopyTo(y.Slice(i));
            Widened(high).CopyTo(y.Slice(i + Vector256<uint>.Count));
        }

        for (; i < x.Length; i++)
            y[i] = (float)BitConverter.UInt16BitsToHalf(x[i]);
    }

    /// <summary>Rounds to nearest even; beyond 65,519.99 becomes infinity, as IEEE 754 asks.</summary>
    public static void Encode(Span<ushort> y, ReadOnlySpan<float> x)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(y.Length, x.Length);
        var bits = MemoryMarshal.Cast<float, uint>(x);
        var i = 0;
        for (; i + Vector256<ushort>.Count <= x.Length; i += Vector256<ushort>.Count)
        {
            var low = Narrowed(Vector256.Create(bits.Slice(i)));
            var high = Narrowed(Vector256.Create(bits.Slice(i + Vector256<uint>.Count)));
            Vector256.Narrow(low, high).CopyTo(y.Slice(i));
        }

        for (; i < x.Length; i++)
            y[i] = BitConverter.HalfToUInt16Bits((Half)x[i]);
    }

    // Shifted by 13 the bits are a float whose exponent is 112 too small: multiplying by 2^112 puts normal and
    // subnormal numbers right in one exact step. Infinity and NaN get the all-ones exponent instead.
    private static Vector256<float> Widened(Vector256<uint> half)
    {
        var magnitude = half & Vector256.Create(0x7fffu);
        var sign = (half & Vector256.Create(0x8000u)) << 16;
        var finite = ((magnitude << 13).AsSingle() * Vector256.Create(TwoTo112)).AsUInt32();
        var quiet = Vector256.GreaterThan(magnitude, Vector256.Create(0x7c00u)) & Vector256.Create(0x0040_0000u);
        var special = (magnitude << 13) | Vector256.Create(0x7f80_0000u) | quiet;
        var isSpecial = Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(0x7c00u));
        return (Vector256.ConditionalSelect(isSpecial, special, finite) | sign).AsSingle();
    }

    private static Vector256<uint> Narrowed(Vector256<uint> bits)
    {
        var magnitude = bits & Vector256.Create(0x7fff_ffffu);
        var sign = (bits & Vector256.Create(0x8000_0000u)) >> 16;

        // Normal: add just under half of the last kept place, and one more where that place is odd, then cut 13 bits.
        var odd = (magnitude >> 13) & Vector256<uint>.One;
        var normal = (magnitude + odd + Vector256.Create(0x0fffu) - Vector256.Create(112u << 23)) >> 13;
        // Subnormal: the last place of a float near 0.5 is 2^-24, the step of subnormal halves, so the adder rounds.
        var half = Vector256.Create(0.5f);
        var tiny = (magnitude.AsSingle() + half).AsUInt32() - half.AsUInt32();
        var result = Vector256.ConditionalSelect(
            Vector256.LessThan(magnitude, Vector256.Create(113u << 23)), tiny, normal); // below 2^-14

        // 65,520 is half-way between the largest half and the next that would be, and rounds away: infinity.
        var huge = Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(0x477f_f000u));
        result = Vector256.ConditionalSelect(huge, Vector256.Create(0x7c00u), result);
        var nan = Vector256.GreaterThan(magnitude, Vector256.Create(0x7f80_0000u));
        var payload = ((magnitude >> 13) & Vector256.Create(0x3ffu)) | Vector256.Create(0x7e00u);
        return Vector256.ConditionalSelect(nan, payload, result) | sign;
    }
}
