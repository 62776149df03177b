using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static Wisp.Compute.NarrowTile;

namespace Wisp.Compute;

/// <summary>How the codes of a packed block lie, for the kernels that read them where they are.</summary>
internal enum DirectCodes
{
    /// <summary>As no such kernel reads them: they are unpacked first.</summary>
    None,

    /// <summary>A byte each, less its zero where <see cref="IPackedFormat.IsSigned"/>.</summary>
    Bytes,

    /// <summary>A plane of <see cref="Planes.PackNibbles"/> for every 32 values.</summary>
    Nibbles,

    /// <summary>The same, as places in the table of <see cref="PackedIQ4_NL"/>.</summary>
    Places,

    /// <summary>A plane of nibbles and then one of <see cref="Planes.PackBits"/>.</summary>
    Fives,

    /// <summary>Nibbles and then a plane of <see cref="Planes.PackPairs"/>.</summary>
    Sixes,

    /// <summary>A plane of <see cref="Planes.PackPairs"/>.</summary>
    Pairs,

    /// <summary>Pairs and then a plane of <see cref="Planes.PackBits"/>.</summary>
    Threes,
}

/// <summary>
/// One token times 32 rows, straight from the packed codes: nothing is read but them, and nothing is written but sums,
/// so that reading memory never waits for arithmetic. The same bits as the tiles for many tokens.
/// </summary>
internal static unsafe class DirectTile
{
    /// <summary>How far ahead memory is asked for: measured best of 2, 4 and 6 KB (LAB 2026-11-24).</summary>
    public const int Distance = 4096;

    public static bool Supports(DirectCodes codes) => codes switch
    {
        DirectCodes.None => false,
        // With 512 bits they are unpacked first: fewer instructions by count, not measured for want of a machine.
        DirectCodes.Pairs or DirectCodes.Threes => Avx2.IsSupported && !Avx512BW.IsSupported,
        _ => Avx2.IsSupported,
    };

    /// <summary>
    /// Panels that are read at the same time. Two streams keep more of the memory busy than one where cores are modest
    /// and the codes take little arithmetic (LAB 2026-11-30).
    /// </summary>
    public static int Streams<TFormat>() where TFormat : IPackedFormat =>
        TakesAvx2<TFormat>() && TFormat.Direct != DirectCodes.Sixes ? 2 : 1;

    private static bool TakesAvx2<TFormat>() where TFormat : IPackedFormat => TFormat.Direct switch
    {
        DirectCodes.Bytes => !AvxVnni.IsSupported,
        DirectCodes.Places or DirectCodes.Fives => true,
        _ => !Avx512BW.IsSupported,
    };

    /// <param name="y">32 sums for each stream, which are added to.</param>
    /// <param name="apart">Bytes from the panel of one stream to that of the next.</param>
    /// <param name="scratch">Room for the scales and minima of packed blocks.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<TFormat>(
        float* y, InputBlock* a, byte* from, nint apart, int streams, in Panel scratch, int columns)
        where TFormat : IPackedFormat
    {
        if (TakesAvx2<TFormat>())
            DirectAvx2.Multiply<TFormat>(y, a, from, apart, streams, scratch.Scales, columns);
        else if (TFormat.Direct == DirectCodes.Bytes)
            Bytes<TFormat>(y, a, from, scratch, columns);
        else if (TFormat.Direct == DirectCodes.Nibbles)
            Nibbles<TFormat>(y, a, from, scratch, columns);
        else
            Sixes<TFormat>(y, a, from, scratch, columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Bytes<TFormat>(float* y, InputBlock* a, byte* from, in Panel scratch, int columns)
        where TFormat : IPackedFormat
    {
        Vector256<float> y0 = Vector256.Load(y), y1 = Vector256.Load(y + 8), y2 = Vector256.Load(y + 16),
            y3 = Vector256.Load(y + 24);
        var scales = scratch.Scales;
        for (; columns > 0; columns -= InputBlock.Length, from += TFormat.Bytes, a++)
        {
            AheadOfScales<TFormat>(from);
            TFormat.UnpackScales(scratch, from);
            var codes = from + TFormat.CodesAt;
            var i0 = Vector256.Create(((int*)a)[InputBlock.SumAt]) << TFormat.ZeroShift;
            Vector256<int> i1 = i0, i2 = i0, i3 = i0;
            for (var step = 0; step < InputBlock.Length / 4; step++, codes += Panel.StepBytes)
            {
                Ahead(codes);
                var v = Vector256.Create(((int*)a)[step]).AsSByte();
                i0 = AvxVnni.MultiplyWideningAndAdd(i0, Vector256.Load(codes), v);
                i1 = AvxVnni.MultiplyWideningAndAdd(i1, Vector256.Load(codes + 32), v);
                i2 = AvxVnni.MultiplyWideningAndAdd(i2, Vector256.Load(codes + 64), v);
                i3 = AvxVnni.MultiplyWideningAndAdd(i3, Vector256.Load(codes + 96), v);
            }

            var s = Vector256.Create(((float*)a)[InputBlock.ScaleAt]);
            y0 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(i0), Vector256.Load(scales) * s, y0);
            y1 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(i1), Vector256.Load(scales + 8) * s, y1);
            y2 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(i2), Vector256.Load(scales + 16) * s, y2);
            y3 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(i3), Vector256.Load(scales + 24) * s, y3);
        }

        y0.Store(y);
        y1.Store(y + 8);
        y2.Store(y + 16);
        y3.Store(y + 24);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Nibbles<TFormat>(float* y, InputBlock* a, byte* from, in Panel scratch, int columns)
        where TFormat : IPackedFormat
    {
        Vector512<float> y0 = Vector512.Load(y), y1 = Vector512.Load(y + 16), m0 = default, m1 = default;
        var mask = Vector512.Create((byte)15);
        for (; columns > 0; columns -= TFormat.Length, from += TFormat.Bytes)
        {
            AheadOfScales<TFormat>(from);
            TFormat.UnpackScales(scratch, from);
            float* scales = scratch.Scales, minima = scratch.Minima;
            var codes = from + TFormat.CodesAt;
            for (var j = 0; j < TFormat.Length; j += InputBlock.Length, codes += Planes.Nibbles, a++)
            {
                // Vector v of the plane holds vectors v and v + 8 of the codes, and a step takes two vectors.
                Vector512<short> i0 = default, i1 = default;
                for (var step = 0; step < InputBlock.Length / 8; step++)
                {
                    Ahead(codes + step * Panel.StepBytes);
                    Vector512<byte> w0 = Vector512.Load(codes + step * Panel.StepBytes),
                        w1 = Vector512.Load(codes + step * Panel.StepBytes + 64);
                    var v = Vector512.Create(((int*)a)[step]).AsSByte();
                    i0 = Add(i0, w0 & mask, v);
                    i1 = Add(i1, w1 & mask, v);
                    v = Vector512.Create(((int*)a)[step + InputBlock.Length / 8]).AsSByte();
                    i0 = Add(i0, High(w0) & mask, v);
                    i1 = Add(i1, High(w1) & mask, v);
                }

                if (TFormat.HasMinima)
                {
                    (m0, m1) = (Vector512.Load(minima), Vector512.Load(minima + 16));
                    minima += Panel.Rows;
                }

                y0 = Scaled<TFormat>(y0, Widen(i0), Vector512.Load(scales), m0, a, 0);
                y1 = Scaled<TFormat>(y1, Widen(i1), Vector512.Load(scales + 16), m1, a, 0);
                scales += Panel.Rows;
            }
        }

        y0.Store(y);
        y1.Store(y + 16);
    }

    // A scale has 16 values: steps 0 to 3 are its first part and 4 to 7 its second.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sixes<TFormat>(float* y, InputBlock* a, byte* from, in Panel scratch, int columns)
        where TFormat : IPackedFormat
    {
        Vector512<float> y0 = Vector512.Load(y), y1 = Vector512.Load(y + 16);
        Vector512<byte> low = Vector512.Create((byte)15), top = Vector512.Create((byte)0x30);
        for (; columns > 0; columns -= TFormat.Length, from += TFormat.Bytes)
        {
            AheadOfScales<TFormat>(from);
            TFormat.UnpackScales(scratch, from);
            var scales = scratch.Scales;
            var codes = from + TFormat.CodesAt;
            for (var j = 0; j < TFormat.Length; j += InputBlock.Length, a++)
            {
                Vector512<int> first0 = default, first1 = default, second0 = default, second1 = default;
                // Two steps whose pairs of bits share a vector with those two, four and six steps on.
                for (var half = 0; half < 2; half++)
                {
                    Vector512<short> p0, p1, q0, q1;
                    var at = half * Panel.StepBytes;
                    Ahead(codes + at);
                    Ahead(codes + Planes.Pairs + at);
                    Ahead(codes + Planes.Nibbles + at);
                    var v = Vector512.Create(((int*)a)[half]).AsSByte();
                    Vector512<byte> x0 = Vector512.Load(codes + at), x1 = Vector512.Load(codes + at + 64),
                        b0 = Vector512.Load(codes + Planes.Nibbles + at),
                        b1 = Vector512.Load(codes + Planes.Nibbles + at + 64);
                    p0 = Times(x0 & low | Up(b0, 4) & top, v);
                    p1 = Times(x1 & low | Up(b1, 4) & top, v);
                    v = Vector512.Create(((int*)a)[half + 4]).AsSByte();
                    q0 = Times(High(x0) & low | b0 & top, v);
                    q1 = Times(High(x1) & low | b1 & top, v);

                    x0 = Vector512.Load(codes + Planes.Pairs + at);
                    x1 = Vector512.Load(codes + Planes.Pairs + at + 64);
                    v = Vector512.Create(((int*)a)[half + 2]).AsSByte();
                    p0 = Add(p0, x0 & low | Up(b0, 2) & top, v);
                    p1 = Add(p1, x1 & low | Up(b1, 2) & top, v);
                    v = Vector512.Create(((int*)a)[half + 6]).AsSByte();
                    q0 = Add(q0, High(x0) & low | Down2(b0) & top, v);
                    q1 = Add(q1, High(x1) & low | Down2(b1) & top, v);
                    (first0, first1) = (first0 + Widen(p0), first1 + Widen(p1));
                    (second0, second1) = (second0 + Widen(q0), second1 + Widen(q1));
                }

                codes += Planes.Nibbles + Planes.Pairs;
                y0 = Scaled<TFormat>(y0, first0, Vector512.Load(scales), default, a, 0);
                y1 = Scaled<TFormat>(y1, first1, Vector512.Load(scales + 16), default, a, 0);
                y0 = Scaled<TFormat>(y0, second0, Vector512.Load(scales + 32), default, a, 1);
                y1 = Scaled<TFormat>(y1, second1, Vector512.Load(scales + 48), default, a, 1);
                scales += 2 * Panel.Rows;
            }
        }

        y0.Store(y);
        y1.Store(y + 16);
    }

    /// <summary>Bytes of a packed block that are codes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int CodeBytes<TFormat>() where TFormat : IPackedFormat => TFormat.Length / InputBlock.Length *
        (TFormat.Direct switch
        {
            DirectCodes.Bytes => Panel.BlockBytes,
            DirectCodes.Nibbles or DirectCodes.Places => Planes.Nibbles,
            DirectCodes.Fives => Planes.Nibbles + Planes.Bits,
            DirectCodes.Pairs => Planes.Pairs,
            DirectCodes.Threes => Planes.Pairs + Planes.Bits,
            _ => Planes.Nibbles + Planes.Pairs,
        });

    // The codes ask for what lies as far ahead of them; this asks for the rest, so that no line is left out.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AheadOfScales<TFormat>(byte* from) where TFormat : IPackedFormat
    {
        var codes = CodeBytes<TFormat>();
        from += TFormat.CodesAt > 0 ? 0 : codes;
        for (var i = 0; i < TFormat.Bytes - codes; i += 128)
            Ahead(from + i);
    }

    // Asks for the two cache lines that come in some 200 ns; beyond the end of the matrix in vain.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Ahead(byte* p)
    {
        Sse.Prefetch0(p + Distance);
        Sse.Prefetch0(p + Distance + 64);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Times(Vector512<byte> w, Vector512<sbyte> a) =>
        Avx512BW.MultiplyAddAdjacent(w, a);

    // By 16-bit lanes, because there is no shift of bytes; a mask takes away what came from the neighbour.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> High(Vector512<byte> x) => (x.AsUInt16() >> 4).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> Down2(Vector512<byte> x) => (x.AsUInt16() >> 2).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> Up(Vector512<byte> x, int n) => (x.AsUInt16() << n).AsByte();
}
