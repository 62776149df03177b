using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Wisp.Compute;

/// <summary>
/// Q8_0 by 32 rows: codes of 32 values, offset by 128 where the kernels want them so, then the scales. 8.5 bits a
/// value.
/// </summary>
internal readonly unsafe struct PackedQ8_0 : IPackedFormat
{
    public static int Length => 32;

    public static int Bytes => Panel.BlockBytes + RowScales.Halves;

    public static int ScaleLength => 32;

    public static bool HasMinima => false;

    public static int NarrowSteps => 0;

    public static int ZeroShift => 7;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Codes(byte* codes, byte* block) =>
        (Vector256.Load(block + 2) ^ Vector256.Create(IsSigned ? (byte)0 : (byte)128)).Store(codes);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* to, byte* codes, byte** blocks)
    {
        Buffer.MemoryCopy(codes, to, Panel.BlockBytes, Panel.BlockBytes);
        RowScales.Pack(to + Panel.BlockBytes, blocks, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(in Panel to, byte* from)
    {
        var zero = Vector512.Create(to.Signed == IsSigned ? (byte)0 : (byte)128);
        for (var i = 0; i < Panel.BlockBytes; i += 64)
            (Vector512.Load(from + i) ^ zero).Store(to.Codes + i);
        UnpackScales(to, from);
    }

    public static DirectCodes Direct => DirectCodes.Bytes;

    public static bool IsSigned => Avx2.IsSupported && !AvxVnni.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void UnpackScales(in Panel to, byte* from) =>
        RowScales.Unpack(to.Scales, from + Panel.BlockBytes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(float* scratch, byte* from, int part, int row) =>
        RowScales.Load8(from + Panel.BlockBytes + 2 * row);
}
