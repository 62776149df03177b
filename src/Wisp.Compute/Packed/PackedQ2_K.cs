using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// Q2_K by 32 rows: the halves d and dmin, sixteen bytes of scale and minimum, then eight planes of pairs. 2.625 bits a
/// value.
/// </summary>
internal readonly unsafe struct PackedQ2_K : IPackedFormat
{
    private const int ScalesAt = 2 * RowScales.Halves;

    public static int CodesAt => ScalesAt + 16 * RowScales.Bytes;

    public static int Length => 256;

    public static int Bytes => CodesAt + 8 * Planes.Pairs;

    public static int ScaleLength => 16;

    public static bool HasMinima => true;

    public static int NarrowSteps => 4;

    public static int ZeroShift => 0;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Codes(byte* codes, byte* block)
    {
        for (var half = 0; half < 2; half++)
        {
            var pairs = Vector256.Load(block + 16 + 32 * half);
            for (var run = 0; run < 4; run++, codes += 32, pairs >>= 2)
                (pairs & Vector256.Create((byte)3)).Store(codes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* to, byte* codes, byte** blocks)
    {
        RowScales.Pack(to, blocks, 80);
        RowScales.Pack(to + RowScales.Halves, blocks, 82);
        for (var row = 0; row < Panel.Rows; row++)
            for (var j = 0; j < 16; j++)
                to[ScalesAt + j * RowScales.Bytes + row] = blocks[row][j];
        for (var j = 0; j < 8; j++)
            Planes.PackPairs(to + CodesAt + j * Planes.Pairs, codes + j * Panel.BlockBytes, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(in Panel to, byte* from)
    {
        for (var row = 0; row < Panel.Rows; row += 16)
        {
            Vector512<float> d = RowScales.Load(from + 2 * row),
                dmin = -RowScales.Load(from + RowScales.Halves + 2 * row);
            for (var at = row; at < 16 * Panel.Rows; at += Panel.Rows)
            {
                var bytes = Vector128.Load(from + ScalesAt + at);
                (Lanes.Floats(Lanes.Low(bytes)) * d).Store(to.Scales + at);
                (Lanes.Floats(Lanes.High(bytes)) * dmin).Store(to.Minima + at);
            }
        }

        for (var j = 0; j < 8; j++)
            Planes.Unpack2(to.Codes + j * Panel.BlockBytes, from + CodesAt + j * Planes.Pairs);
    }

    public static DirectCodes Direct => DirectCodes.Pairs;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PrepareScales(float* scratch, byte* from)
    {
        for (var row = 0; row < Panel.Rows; row += 8)
        {
            RowScales.Load8(from + 2 * row).Store(scratch + row);
            (-RowScales.Load8(from + RowScales.Halves + 2 * row)).Store(scratch + Panel.Rows + row);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(float* scratch, byte* from, int part, int row) =>
        Vector256.ConvertToSingle(Lanes.Ints8(from + ScalesAt + part * RowScales.Bytes + row) & Vector256.Create(15))
            * Vector256.Load(scratch + row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Minima(float* scratch, byte* from, int part, int row) =>
        Vector256.ConvertToSingle(Lanes.Ints8(from + ScalesAt + part * RowScales.Bytes + row) >> 4)
            * Vector256.Load(scratch + Panel.Rows + row);
}
