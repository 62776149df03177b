using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>bfloat16, the upper half of a float32: its range with 8 bits of precision.</summary>
public static class BFloat16
{
    public static void Decode(Span<float> y, ReadOnlySpan<ushort> x)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(x.Length, y.Length);
        var bits = MemoryMarshal.Cast<float, uint>(y);
        var i = 0;
        for (; i + Vector256<ushort>.Count <= x.Length; i += Vector256<ushort>.Count)
        {
            var (low, high) = Vector256.Widen(Vector256.Create(x.Slice(i)));
            (low << 16).CopyTo(bits.Slice(i));
            (high << 16).CopyTo(bits.Slice(i + Vector256<uint>.Count));
        }

        for (; i < x.Length; i++)
            bits[i] = (uint)x[i] << 16;
    }

    /// <summary>
    /// Rounds to nearest even; NaNs become quiet, so that cutting their payload cannot make an infinity.
    /// </summary>
    public static void Encode(Span<ushort> y, ReadOnlySpan<float> x)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(y.Length, x.Length);
        var bits = MemoryMarshal.Cast<float, uint>(x);
        var i = 0;
        for (; i + Vector256<ushort>.Count <= x.Length; i += Vector256<ushort>.Count)
        {
            var low = Rounded(Vector256.Create(bits.Slice(i)));
            var high = Rounded(Vector256.Create(bits.Slice(i + Vector256<uint>.Count)));
            Vector256.Narrow(low, high).CopyTo(y.Slice(i));
        }

        for (; i < x.Length; i++)
            y[i] = (ushort)Rounded(Vector256.CreateScalar(bits[i])).ToScalar();
    }

    private static Vector256<uint> Rounded(Vector256<uint> bits)
    {
        var odd = (bits >> 16) & Vector256<uint>.One;
        var rounded = (bits + odd + Vector256.Create(0x7fffu)) >> 16;
        var nan = Vector256.GreaterThan(bits & Vector256.Create(0x7fff_ffffu), Vector256.Create(0x7f80_0000u));
        return Vector256.ConditionalSelect(nan, (bits >> 16) | Vector256.Create(0x40u), rounded);
    }
}
