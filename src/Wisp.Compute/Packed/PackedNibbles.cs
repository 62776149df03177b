using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>Q4_0 by 32 rows: a plane of nibbles, then the scales. 4.5 bits a value.</summary>
internal readonly unsafe struct PackedQ4_0 : IPackedFormat
{
    public static int Length => 32;

    public static int Bytes => Planes.Nibbles + RowScales.Halves;

    public static int ScaleLength => 32;

    public static bool HasMinima => false;

    public static int NarrowSteps => 8;

    public static int ZeroShift => 3;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Codes(byte* codes, byte* block) => NibbleCodes(codes, block + 2);

    /// <summary>32 codes of 16 bytes, the lower halves first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void NibbleCodes(byte* codes, byte* nibbles)
    {
        var x = Vector128.Load(nibbles);
        Lanes.Low(x).Store(codes);
        Lanes.High(x).Store(codes + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* to, byte* codes, byte** blocks)
    {
        Planes.PackNibbles(to, codes);
        RowScales.Pack(to + Planes.Nibbles, blocks, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(in Panel to, byte* from)
    {
        Planes.Unpack4(to.Codes, from);
        UnpackScales(to, from);
    }

    public static DirectCodes Direct => DirectCodes.Nibbles;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void UnpackScales(in Panel to, byte* from) =>
        RowScales.Unpack(to.Scales, from + Planes.Nibbles);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(float* scratch, byte* from, int part, int row) =>
        RowScales.Load8(from + Planes.Nibbles + 2 * row);
}

/// <summary>Q4_1 by 32 rows: a plane of nibbles, the scales, the minima. 5 bits a value.</summary>
internal readonly unsafe struct PackedQ4_1 : IPackedFormat
{
    public static int Length => 32;

    public static int Bytes => Planes.Nibbles + 2 * RowScales.Halves;

    public static int ScaleLength => 32;

    public static bool HasMinima => true;

    public static int NarrowSteps => 8;

    public static int ZeroShift => 0;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Codes(byte* codes, byte* block) => PackedQ4_0.NibbleCodes(codes, block + 4);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* to, byte* codes, byte** blocks)
    {
        Planes.PackNibbles(to, codes);
        RowScales.Pack(to + Planes.Nibbles, blocks, 0);
        RowScales.Pack(to + Planes.Nibbles + RowScales.Halves, blocks, 2);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(in Panel to, byte* from)
    {
        Planes.Unpack4(to.Codes, from);
        UnpackScales(to, from);
    }

    public static DirectCodes Direct => DirectCodes.Nibbles;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void UnpackScales(in Panel to, byte* from)
    {
        RowScales.Unpack(to.Scales, from + Planes.Nibbles);
        RowScales.Unpack(to.Minima, from + Planes.Nibbles + RowScales.Halves);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(float* scratch, byte* from, int part, int row) =>
        RowScales.Load8(from + Planes.Nibbles + 2 * row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Minima(float* scratch, byte* from, int part, int row) =>
        RowScales.Load8(from + Planes.Nibbles + RowScales.Halves + 2 * row);
}

/// <summary>IQ4_NL by 32 rows: as Q4_0, and the nibbles are looked up on their way out. 4.5 bits a value.</summary>
internal readonly unsafe struct PackedIQ4_NL : IPackedFormat
{
    public static int Length => 32;

    public static int Bytes => PackedQ4_0.Bytes;

    public static int ScaleLength => 32;

    public static bool HasMinima => false;

    public static int NarrowSteps => 0;

    public static int ZeroShift => 7;

    /// <summary>The code values, offset by 128 unless they are wanted signed.</summary>
    public static Vector128<byte> Table(bool signed) =>
        IQ4_NL.Codes.AsByte() ^ Vector128.Create(signed ? (byte)0 : (byte)128);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Codes(byte* codes, byte* block) => PackedQ4_0.Codes(codes, block);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* to, byte* codes, byte** blocks) => PackedQ4_0.Pack(to, codes, blocks);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(in Panel to, byte* from)
    {
        Planes.Unpack4(to.Codes, from, Table(to.Signed));
        RowScales.Unpack(to.Scales, from + Planes.Nibbles);
    }

    public static DirectCodes Direct => DirectCodes.Places;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(float* scratch, byte* from, int part, int row) =>
        RowScales.Load8(from + Planes.Nibbles + 2 * row);
}
