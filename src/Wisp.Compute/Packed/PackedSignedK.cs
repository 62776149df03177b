using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// Q6_K by 32 rows: the halves d, sixteen signed bytes of scales, then eight times a plane of nibbles and one of pairs.
/// 6.5625 bits a value.
/// </summary>
internal readonly unsafe struct PackedQ6_K : IPackedFormat
{
    private const int ScalesAt = RowScales.Halves, Planes6 = Planes.Nibbles + Planes.Pairs;

    public static int CodesAt => ScalesAt + 16 * RowScales.Bytes;

    public static int Length => 256;

    public static int Bytes => CodesAt + 8 * Planes6;

    public static int ScaleLength => 16;

    public static bool HasMinima => false;

    public static int NarrowSteps => 2;

    public static int ZeroShift => 5;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Codes(byte* codes, byte* block)
    {
        Vector256<byte> nibble = Vector256.Create((byte)15), two = Vector256.Create((byte)0x30);
        for (var half = 0; half < 2; half++, codes += 128)
        {
            Vector256<byte> a = Vector256.Load(block + 64 * half), b = Vector256.Load(block + 64 * half + 32),
                upper = Vector256.Load(block + 128 + 32 * half);
            (a & nibble | upper << 4 & two).Store(codes);
            (b & nibble | upper << 2 & two).Store(codes + 32);
            (a >> 4 | upper & two).Store(codes + 64);
            (b >> 4 | upper >> 2 & two).Store(codes + 96);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* to, byte* codes, byte** blocks)
    {
        RowScales.Pack(to, blocks, 208);
        for (var row = 0; row < Panel.Rows; row++)
            for (var j = 0; j < 16; j++)
                to[ScalesAt + j * RowScales.Bytes + row] = blocks[row][192 + j];
        for (var j = 0; j < 8; j++)
        {
            var planes = to + CodesAt + j * Planes6;
            Planes.PackNibbles(planes, codes + j * Panel.BlockBytes);
            Planes.PackPairs(planes + Planes.Nibbles, codes + j * Panel.BlockBytes, 4);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(in Panel to, byte* from)
    {
        SignedScales.Unpack(to.Scales, from, from + ScalesAt, 16);
        for (var j = 0; j < 8; j++)
        {
            var planes = from + CodesAt + j * Planes6;
            Planes.Unpack6(to.Codes + j * Panel.BlockBytes, planes, planes + Planes.Nibbles);
        }
    }

    public static DirectCodes Direct => DirectCodes.Sixes;

    public static void UnpackScales(in Panel to, byte* from) =>
        SignedScales.Unpack(to.Scales, from, from + ScalesAt, 16);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PrepareScales(float* scratch, byte* from) => RowScales.Unpack(scratch, from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(float* scratch, byte* from, int part, int row) =>
        SignedScales.Scales(scratch, from + ScalesAt, part, row);
}

/// <summary>
/// Q3_K by 32 rows: the halves d, sixteen scales as signed bytes, then eight times a plane of pairs and one of third
/// bits. 3.5625 bits a value, an eighth more than stored: a scale of six bits gets a byte.
/// </summary>
internal readonly unsafe struct PackedQ3_K : IPackedFormat
{
    private const int ScalesAt = RowScales.Halves, Planes3 = Planes.Pairs + Planes.Bits;

    public static int CodesAt => ScalesAt + 16 * RowScales.Bytes;

    public static int Length => 256;

    public static int Bytes => CodesAt + 8 * Planes3;

    public static int ScaleLength => 16;

    public static bool HasMinima => false;

    public static int NarrowSteps => 4;

    public static int ZeroShift => 2;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Codes(byte* codes, byte* block)
    {
        var thirds = Vector256.Load(block);
        Vector256<byte> one = Vector256<byte>.One, two = Vector256.Create((byte)3);
        for (var half = 0; half < 2; half++)
        {
            var pairs = Vector256.Load(block + 32 + 32 * half);
            for (var run = 0; run < 4; run++, codes += 32, pairs >>= 2, thirds >>= 1)
                (pairs & two | (thirds & one) << 2).Store(codes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* to, byte* codes, byte** blocks)
    {
        RowScales.Pack(to, blocks, 108);
        for (var row = 0; row < Panel.Rows; row++)
            for (var j = 0; j < 16; j++)
                to[ScalesAt + j * RowScales.Bytes + row] = (byte)(Q3_K.Scale(blocks[row] + 96, j) - 32);
        for (var j = 0; j < 8; j++)
        {
            var planes = to + CodesAt + j * Planes3;
            Planes.PackPairs(planes, codes + j * Panel.BlockBytes, 0);
            Planes.PackBits(planes + Planes.Pairs, codes + j * Panel.BlockBytes, 2);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(in Panel to, byte* from)
    {
        SignedScales.Unpack(to.Scales, from, from + ScalesAt, 16);
        for (var j = 0; j < 8; j++)
        {
            var planes = from + CodesAt + j * Planes3;
            Planes.Unpack3(to.Codes + j * Panel.BlockBytes, planes, planes + Planes.Pairs);
        }
    }

    public static DirectCodes Direct => DirectCodes.Threes;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PrepareScales(float* scratch, byte* from) => RowScales.Unpack(scratch, from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(float* scratch, byte* from, int part, int row) =>
        SignedScales.Scales(scratch, from + ScalesAt, part, row);
}

/// <summary>
/// IQ4_XS by 32 rows: the halves d, eight scales as signed bytes, then eight planes of nibbles to look up. 4.3125 bits
/// a value, a sixteenth more than stored.
/// </summary>
internal readonly unsafe struct PackedIQ4_XS : IPackedFormat
{
    private const int ScalesAt = RowScales.Halves;

    public static int CodesAt => ScalesAt + 8 * RowScales.Bytes;

    public static int Length => 256;

    public static int Bytes => CodesAt + 8 * Planes.Nibbles;

    public static int ScaleLength => 32;

    public static bool HasMinima => false;

    public static int NarrowSteps => 0;

    public static int ZeroShift => 7;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Codes(byte* codes, byte* block)
    {
        for (var j = 0; j < 8; j++)
            PackedQ4_0.NibbleCodes(codes + 32 * j, block + 8 + 16 * j);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* to, byte* codes, byte** blocks)
    {
        RowScales.Pack(to, blocks, 0);
        for (var row = 0; row < Panel.Rows; row++)
            for (var j = 0; j < 8; j++)
                to[ScalesAt + j * RowScales.Bytes + row] = (byte)IQ4_XS.Scale(blocks[row], j);
        for (var j = 0; j < 8; j++)
            Planes.PackNibbles(to + CodesAt + j * Planes.Nibbles, codes + j * Panel.BlockBytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(in Panel to, byte* from)
    {
        SignedScales.Unpack(to.Scales, from, from + ScalesAt, 8);
        for (var j = 0; j < 8; j++)
            Planes.Unpack4(
                to.Codes + j * Panel.BlockBytes, from + CodesAt + j * Planes.Nibbles, PackedIQ4_NL.Table(to.Signed));
    }

    public static DirectCodes Direct => DirectCodes.Places;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PrepareScales(float* scratch, byte* from) => RowScales.Unpack(scratch, from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(float* scratch, byte* from, int part, int row) =>
        SignedScales.Scales(scratch, from + ScalesAt, part, row);
}

/// <summary>Scales that are a half for each row times a signed byte for each row and part of the block.</summary>
internal static unsafe class SignedScales
{
    /// <summary>Of eight rows, given what the halves are as float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(float* halves, byte* bytes, int part, int row) =>
        Lanes.Floats8((sbyte*)bytes + part * RowScales.Bytes + row) * Vector256.Load(halves + row);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(float* to, byte* halves, byte* bytes, int count)
    {
        if (!Vector512.IsHardwareAccelerated)
        {
            for (var row = 0; row < Panel.Rows; row += 8)
            {
                var d = RowScales.Load8(halves + 2 * row);
                for (var at = row; at < count * Panel.Rows; at += Panel.Rows)
                    (Lanes.Floats8((sbyte*)bytes + at) * d).Store(to + at);
            }

            return;
        }

        Vector512<float> low = RowScales.Load(halves), high = RowScales.Load(halves + 32);
        for (var j = 0; j < count; j++)
        {
            var at = j * Panel.Rows;
            (Lanes.Floats(Vector128.Load((sbyte*)bytes + at)) * low).Store(to + at);
            (Lanes.Floats(Vector128.Load((sbyte*)bytes + at + 16)) * high).Store(to + at + 16);
        }
    }
}
