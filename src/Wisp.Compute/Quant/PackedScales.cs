using System.Runtime.CompilerServices;

namespace Wisp.Compute;

/// <summary>
/// Eight scales and eight minima of six bits in the 12 bytes that <see cref="Q4_K"/> and <see cref="Q5_K"/> share.
/// Bytes 0-3 and 4-7 hold the first four scales and minima in their lower six bits; the other four have their lower
/// halves in the nibbles of bytes 8-11 and their upper two bits in the upper two of bytes 0-7.
/// </summary>
internal static unsafe class PackedScales
{
    private const uint Six = 0x3f3f3f3f, Nibble = 0x0f0f0f0f, Two = 0x30303030;

    /// <summary>Scale and minimum j in byte j of each result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (ulong Scales, ulong Minima) Load(byte* p)
    {
        uint a = Unsafe.ReadUnaligned<uint>(p), b = Unsafe.ReadUnaligned<uint>(p + 4),
            c = Unsafe.ReadUnaligned<uint>(p + 8);
        uint scales = c & Nibble | a >> 2 & Two, minima = c >> 4 & Nibble | b >> 2 & Two;
        return (a & Six | (ulong)scales << 32, b & Six | (ulong)minima << 32);
    }

    public static void Store(byte* p, byte* scales, byte* minima)
    {
        for (var j = 0; j < 4; j++)
        {
            p[j] = (byte)(scales[j] | scales[j + 4] >> 4 << 6);
            p[j + 4] = (byte)(minima[j] | minima[j + 4] >> 4 << 6);
            p[j + 8] = (byte)(scales[j + 4] & 15 | (minima[j + 4] & 15) << 4);
        }
    }
}
