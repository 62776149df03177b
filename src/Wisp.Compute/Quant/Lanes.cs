using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>What the block formats share: stored halves, and sixteen stored bytes as sixteen floats.</summary>
internal static unsafe class Lanes
{
    /// <summary>The value of a bit at 0, 1, ... 15: one for each lane that asks for its bit of a mask.</summary>
    public static Vector512<int> BitOfLane => Vector512.Create(
        1, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7,
        1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15);

    /// <summary>The codes of IQ4_NL and IQ4_XS: denser near zero, as weights are.</summary>
    public static Vector128<sbyte> Iq4Codes =>
        Vector128.Create(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LoadHalf(byte* p) => (float)BitConverter.UInt16BitsToHalf(Unsafe.ReadUnaligned<ushort>(p));

    public static void StoreHalf(byte* p, float value) =>
        Unsafe.WriteUnaligned(p, BitConverter.HalfToUInt16Bits((Half)value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Ints(Vector128<byte> q) => Vector512.WidenLower(
        Vector512.WidenLower(q.ToVector256Unsafe().ToVector512Unsafe())).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Floats(Vector128<byte> q) => Vector512.ConvertToSingle(Ints(q));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Floats(Vector128<sbyte> q) => Vector512.ConvertToSingle(
        Vector512.WidenLower(Vector512.WidenLower(q.ToVector256Unsafe().ToVector512Unsafe())));

    /// <summary>The lower four bits of sixteen bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Low(Vector128<byte> q) => q & Vector128.Create((byte)15);

    /// <summary>The upper four bits of sixteen bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> High(Vector128<byte> q) => q >> 4;
}
