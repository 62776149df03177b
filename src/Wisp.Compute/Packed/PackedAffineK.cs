using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// What Q4_K and Q5_K share: 256 values of 32 rows have the halves d and dmin, and eight scales and minima of six bits
/// a row. Their lower four bits share the bytes of eight runs of 32 rows, and of the upper two bits those of scale and
/// minimum j and j + 4 share a byte of four more runs: 12 bytes a row, as stored.
/// </summary>
internal static unsafe class AffineScales
{
    private const int LowAt = 2 * RowScales.Halves, HighAt = LowAt + 8 * Panel.Rows;

    private const int MinimaAt = 8 * Panel.Rows;

    private const int PreparedFloats = 2 * Panel.Rows + 16 * Panel.Rows / sizeof(float);

    public const int Bytes = HighAt + 4 * Panel.Rows;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* to, byte** blocks)
    {
        RowScales.Pack(to, blocks, 0);
        RowScales.Pack(to + RowScales.Halves, blocks, 2);
        for (var row = 0; row < Panel.Rows; row++)
        {
            var (scales, minima) = PackedScales.Load(blocks[row] + 4);
            for (var j = 0; j < 8; j++)
                to[LowAt + j * Panel.Rows + row] = (byte)(Six(scales, j) & 15 | (Six(minima, j) & 15) << 4);
            for (var j = 0; j < 4; j++)
                to[HighAt + j * Panel.Rows + row] = (byte)(Six(scales, j) >> 4 | Six(minima, j) >> 4 << 2 |
                    Six(scales, j + 4) >> 4 << 4 | Six(minima, j + 4) >> 4 << 6);
        }

        static int Six(ulong packed, int j) => (int)(packed >> 8 * j) & 63;
    }

    /// <summary>d·scale and −dmin·minimum of all eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(in Panel to, byte* from)
    {
        if (!Vector512.IsHardwareAccelerated)
        {
            Unpack8(to, from);
            return;
        }

        for (var row = 0; row < Panel.Rows; row += 16)
        {
            Vector512<float> d = RowScales.Load(from + 2 * row),
                dmin = -RowScales.Load(from + RowScales.Halves + 2 * row);
            for (var j = 0; j < 4; j++)
            {
                var at = j * Panel.Rows + row;
                Vector128<byte> a = Vector128.Load(from + LowAt + at),
                    b = Vector128.Load(from + LowAt + 4 * Panel.Rows + at),
                    high = Vector128.Load(from + HighAt + at), two = Vector128.Create((byte)0x30);
                var later = at + 4 * Panel.Rows;
                (Lanes.Floats(Lanes.Low(a) | high << 4 & two) * d).Store(to.Scales + at);
                (Lanes.Floats(Lanes.High(a) | high << 2 & two) * dmin).Store(to.Minima + at);
                (Lanes.Floats(Lanes.Low(b) | high & two) * d).Store(to.Scales + later);
                (Lanes.Floats(Lanes.High(b) | high >> 2 & two) * dmin).Store(to.Minima + later);
            }
        }
    }

    // The same in vectors of 256 bits.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Unpack8(in Panel to, byte* from)
    {
        var prepared = stackalloc float[PreparedFloats];
        Prepare(prepared, from);
        for (var j = 0; j < 8; j++)
            for (var row = 0; row < Panel.Rows; row += 8)
            {
                Scales(prepared, j, row).Store(to.Scales + j * Panel.Rows + row);
                Minima(prepared, j, row).Store(to.Minima + j * Panel.Rows + row);
            }
    }

    /// <summary>
    /// d and −dmin of the rows as float32, then eight scales and eight minima of all rows as bytes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prepare(float* to, byte* from)
    {
        for (var row = 0; row < Panel.Rows; row += 8)
        {
            RowScales.Load8(from + 2 * row).Store(to + row);
            (-RowScales.Load8(from + RowScales.Halves + 2 * row)).Store(to + Panel.Rows + row);
        }

        Vector256<byte> nibble = Vector256.Create((byte)15), two = Vector256.Create((byte)0x30);
        var scales = (byte*)(to + 2 * Panel.Rows);
        for (var j = 0; j < 4 * Panel.Rows; j += Panel.Rows, scales += Panel.Rows)
        {
            Vector256<byte> a = Vector256.Load(from + LowAt + j),
                b = Vector256.Load(from + LowAt + 4 * Panel.Rows + j), high = Vector256.Load(from + HighAt + j);
            (a & nibble | high << 4 & two).Store(scales);
            (a >> 4 & nibble | high << 2 & two).Store(scales + MinimaAt);
            (b & nibble | high & two).Store(scales + 4 * Panel.Rows);
            (b >> 4 & nibble | high >> 2 & two).Store(scales + MinimaAt + 4 * Panel.Rows);
        }
    }

    /// <summary>Of eight rows, out of what was prepared.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(float* prepared, int j, int row) =>
        Lanes.Floats8((byte*)(prepared + 2 * Panel.Rows) + j * Panel.Rows + row) * Vector256.Load(prepared + row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Minima(float* prepared, int j, int row) =>
        Lanes.Floats8((byte*)(prepared + 2 * Panel.Rows) + MinimaAt + j * Panel.Rows + row)
            * Vector256.Load(prepared + Panel.Rows + row);
}

/// <summary>Q4_K by 32 rows: the scales, then eight planes of nibbles. 4.5 bits a value.</summary>
internal readonly unsafe struct PackedQ4_K : IPackedFormat
{
    public static int Length => 256;

    public static int Bytes => AffineScales.Bytes + 8 * Planes.Nibbles;

    public static int ScaleLength => 32;

    public static bool HasMinima => true;

    public static int NarrowSteps => 8;

    public static int ZeroShift => 0;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Codes(byte* codes, byte* block)
    {
        for (var i = 0; i < 4; i++)
        {
            var x = Vector256.Load(block + 16 + 32 * i);
            (x & Vector256.Create((byte)15)).Store(codes + 64 * i);
            (x >> 4).Store(codes + 64 * i + 32);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* to, byte* codes, byte** blocks)
    {
        AffineScales.Pack(to, blocks);
        for (var j = 0; j < 8; j++)
            Planes.PackNibbles(to + AffineScales.Bytes + j * Planes.Nibbles, codes + j * Panel.BlockBytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(in Panel to, byte* from)
    {
        AffineScales.Unpack(to, from);
        for (var j = 0; j < 8; j++)
            Planes.Unpack4(to.Codes + j * Panel.BlockBytes, from + AffineScales.Bytes + j * Planes.Nibbles);
    }

    public static DirectCodes Direct => DirectCodes.Nibbles;

    public static int CodesAt => AffineScales.Bytes;

    public static void UnpackScales(in Panel to, byte* from) => AffineScales.Unpack(to, from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrepareScales(float* scratch, byte* from) => AffineScales.Prepare(scratch, from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(float* scratch, byte* from, int part, int row) =>
        AffineScales.Scales(scratch, part, row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Minima(float* scratch, byte* from, int part, int row) =>
        AffineScales.Minima(scratch, part, row);
}

/// <summary>Q5_K by 32 rows: the scales, then eight planes of nibbles with one of fifth bits each. 5.5 bits.</summary>
internal readonly unsafe struct PackedQ5_K : IPackedFormat
{
    public static int Length => 256;

    public static int Bytes => AffineScales.Bytes + 8 * PackedQ5_0.Planes5;

    public static int ScaleLength => 32;

    public static bool HasMinima => true;

    public static int NarrowSteps => 4;

    public static int ZeroShift => 0;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Codes(byte* codes, byte* block)
    {
        var fifths = Vector256.Load(block + 16);
        for (var i = 0; i < 4; i++, fifths >>= 2)
        {
            var x = Vector256.Load(block + 48 + 32 * i);
            var one = Vector256<byte>.One;
            (x & Vector256.Create((byte)15) | (fifths & one) << 4).Store(codes + 64 * i);
            (x >> 4 | (fifths >> 1 & one) << 4).Store(codes + 64 * i + 32);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* to, byte* codes, byte** blocks)
    {
        AffineScales.Pack(to, blocks);
        for (var j = 0; j < 8; j++)
            PackedQ5_0.PackPlanes(to + AffineScales.Bytes + j * PackedQ5_0.Planes5, codes + j * Panel.BlockBytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(in Panel to, byte* from)
    {
        AffineScales.Unpack(to, from);
        for (var j = 0; j < 8; j++)
        {
            var planes = from + AffineScales.Bytes + j * PackedQ5_0.Planes5;
            Planes.Unpack5(to.Codes + j * Panel.BlockBytes, planes, planes + Planes.Nibbles);
        }
    }

    public static DirectCodes Direct => DirectCodes.Fives;

    public static int CodesAt => AffineScales.Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrepareScales(float* scratch, byte* from) => AffineScales.Prepare(scratch, from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(float* scratch, byte* from, int part, int row) =>
        AffineScales.Scales(scratch, part, row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Minima(float* scratch, byte* from, int part, int row) =>
        AffineScales.Minima(scratch, part, row);
}
