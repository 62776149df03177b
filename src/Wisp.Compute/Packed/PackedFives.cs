using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>Q5_0 by 32 rows: a plane of nibbles, one of fifth bits, the scales. 5.5 bits a value.</summary>
internal readonly unsafe struct PackedQ5_0 : IPackedFormat
{
    public const int Planes5 = Planes.Nibbles + Planes.Bits;

    public static int Length => 32;

    public static int Bytes => Planes5 + RowScales.Halves;

    public static int ScaleLength => 32;

    public static bool HasMinima => false;

    public static int NarrowSteps => 4;

    public static int ZeroShift => 4;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Codes(byte* codes, byte* block) => FiveBitCodes(codes, block + 2);

    /// <summary>32 codes of a word of fifth bits and 16 bytes of nibbles.</summary>
    public static void FiveBitCodes(byte* codes, byte* from)
    {
        var (low, high) = Q5_0.Codes(from);
        Lanes.StoreBytes(codes, low);
        Lanes.StoreBytes(codes + 16, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* to, byte* codes, byte** blocks)
    {
        PackPlanes(to, codes);
        RowScales.Pack(to + Planes5, blocks, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackPlanes(byte* to, byte* codes)
    {
        Planes.PackNibbles(to, codes);
        Planes.PackBits(to + Planes.Nibbles, codes, 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(in Panel to, byte* from)
    {
        Planes.Unpack5(to.Codes, from, from + Planes.Nibbles);
        RowScales.Unpack(to.Scales, from + Planes5);
    }

    public static DirectCodes Direct => DirectCodes.Fives;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(float* scratch, byte* from, int part, int row) =>
        RowScales.Load8(from + Planes5 + 2 * row);
}

/// <summary>Q5_1 by 32 rows: the planes of Q5_0, the scales, the minima. 6 bits a value.</summary>
internal readonly unsafe struct PackedQ5_1 : IPackedFormat
{
    public static int Length => 32;

    public static int Bytes => PackedQ5_0.Planes5 + 2 * RowScales.Halves;

    public static int ScaleLength => 32;

    public static bool HasMinima => true;

    public static int NarrowSteps => 4;

    public static int ZeroShift => 0;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Codes(byte* codes, byte* block) => PackedQ5_0.FiveBitCodes(codes, block + 4);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* to, byte* codes, byte** blocks)
    {
        PackedQ5_0.PackPlanes(to, codes);
        RowScales.Pack(to + PackedQ5_0.Planes5, blocks, 0);
        RowScales.Pack(to + PackedQ5_0.Planes5 + RowScales.Halves, blocks, 2);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(in Panel to, byte* from)
    {
        Planes.Unpack5(to.Codes, from, from + Planes.Nibbles);
        RowScales.Unpack(to.Scales, from + PackedQ5_0.Planes5);
        RowScales.Unpack(to.Minima, from + PackedQ5_0.Planes5 + RowScales.Halves);
    }

    public static DirectCodes Direct => DirectCodes.Fives;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(float* scratch, byte* from, int part, int row) =>
        RowScales.Load8(from + PackedQ5_0.Planes5 + 2 * row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Minima(float* scratch, byte* from, int part, int row) =>
        RowScales.Load8(from + PackedQ5_0.Planes5 + RowScales.Halves + 2 * row);
}
