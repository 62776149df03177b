using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Wisp.Compute;

/// <summary>What the block formats share: sixteen stored bytes as sixteen floats, and back.</summary>
internal static unsafe class Lanes
{
    /// <summary>The value of a bit at 0, 1, ... 15: one for each lane that asks for its bit of a mask.</summary>
    public static Vector512<int> BitOfLane => Vector512.Create(
        1, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7,
        1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Ints(Vector128<byte> q) => Vector512.WidenLower(
        Vector512.WidenLower(q.ToVector256Unsafe().ToVector512Unsafe())).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Floats(Vector128<byte> q) => Vector512.ConvertToSingle(Ints(q));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Floats(Vector128<sbyte> q) => Vector512.ConvertToSingle(
        Vector512.WidenLower(Vector512.WidenLower(q.ToVector256Unsafe().ToVector512Unsafe())));

    /// <summary>Eight bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Ints8(byte* q) => Avx2.IsSupported
        ? Avx2.ConvertToVector256Int32(q)
        : Vector256.Create(q[0], q[1], q[2], q[3], q[4], q[5], q[6], q[7]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Floats8(byte* q) => Vector256.ConvertToSingle(Ints8(q));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Floats8(sbyte* q) => Vector256.ConvertToSingle(Avx2.IsSupported
        ? Avx2.ConvertToVector256Int32(q)
        : Vector256.Create(q[0], q[1], q[2], q[3], q[4], q[5], q[6], q[7]));

    /// <summary>The lower four bits of sixteen bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Low(Vector128<byte> q) => q & Vector128.Create((byte)15);

    /// <summary>The upper four bits of sixteen bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> High(Vector128<byte> q) => q >> 4;

    /// <summary>Sixteen integers that fit a byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* to, Vector512<int> v)
    {
        var words = Vector256.Narrow(v.GetLower(), v.GetUpper());
        Vector128.Narrow(words.GetLower(), words.GetUpper()).AsByte().Store(to);
    }

    /// <summary>The lane of the smallest number, the first of equals; lane 0 where that is no number.</summary>
    public static int IndexOfMin(Vector512<float> v, out float min)
    {
        var p = stackalloc float[16];
        v.Store(p);
        var at = 0;
        for (var lane = 1; lane < 16; lane++)
            if (p[lane] < p[at])
                at = lane;
        min = p[at];
        return at;
    }
}
