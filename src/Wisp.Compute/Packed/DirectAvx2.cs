using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Wisp.Compute;

/// <summary>
/// <see cref="DirectTile"/> on a processor with AVX2 and nothing newer, block by block; the same bits.
/// </summary>
/// <remarks>
/// Bytes are read in the order in which they lie, each vector 8 rows; the sums of all 32 rows are kept in memory between
/// blocks, because 16 registers hold no more than those of one block and its operands.
/// </remarks>
internal static unsafe class DirectAvx2
{
    // How far ahead memory is asked for, into the L2 cache: what L1 waits for at once is too little (LAB 2026-11-30).
    private const int Distance = 8192;

    /// <summary>Panels, each a stream of its own, that take turns by the block.</summary>
    /// <param name="y">32 sums for each, which are added to.</param>
    /// <param name="apart">Bytes from one panel to the next.</param>
    /// <param name="scratch">Room for what the format prepares of a block's scales.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<TFormat>(
        float* y, InputBlock* a, byte* from, nint apart, int streams, float* scratch, int columns)
        where TFormat : IPackedFormat
    {
        var codesOfPart = DirectTile.CodeBytes<TFormat>() / (TFormat.Length / InputBlock.Length);
        for (; columns > 0; columns -= TFormat.Length, from += TFormat.Bytes)
        {
            for (var stream = 0; stream < streams; stream++)
            {
                if (TFormat.CodesAt > 0)
                    AheadOfScales<TFormat>(from + stream * apart);
                TFormat.PrepareScales(scratch + stream * ScratchFloats, from + stream * apart);
            }

            for (var j = 0; j < TFormat.Length / InputBlock.Length; j++, a++)
                for (var stream = 0; stream < streams; stream++)
                {
                    var block = from + stream * apart;
                    var codes = block + TFormat.CodesAt + j * codesOfPart;
                    var scales = new BlockScales(block, scratch + stream * ScratchFloats);
                    if (TFormat.Direct == DirectCodes.Bytes)
                        Bytes<TFormat>(y + stream * Panel.Rows, a, codes, scales, j);
                    else if (TFormat.Direct == DirectCodes.Nibbles)
                        Nibbles<TFormat>(y + stream * Panel.Rows, a, codes, scales, j);
                    else
                        Sixes<TFormat>(y + stream * Panel.Rows, a, codes, scales, j);
                    if (TFormat.CodesAt == 0)
                        AheadOfScales<TFormat>(block + TFormat.Bytes);
                }
        }
    }

    private const int ScratchFloats = 256;

    private readonly struct BlockScales(byte* from, float* prepared)
    {
        public readonly byte* From = from;
        public readonly float* Prepared = prepared;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Bytes<TFormat>(float* y, InputBlock* a, byte* codes, BlockScales scales, int j)
        where TFormat : IPackedFormat
    {
        Vector256<int> i0 = default, i1 = default, i2 = default, i3 = default;
        for (var step = 0; step < InputBlock.Length / 4; step++, codes += Panel.StepBytes)
        {
            Ahead(codes);
            var v = Input(a, step);
            i0 = SignedDot.Add(i0, Vector256.Load(codes), v);
            i1 = SignedDot.Add(i1, Vector256.Load(codes + 32), v);
            i2 = SignedDot.Add(i2, Vector256.Load(codes + 64), v);
            i3 = SignedDot.Add(i3, Vector256.Load(codes + 96), v);
        }

        Scale<TFormat>(y, i0, i1, scales, j, 0, a);
        Scale<TFormat>(y + 16, i2, i3, scales, j, 16, a);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Nibbles<TFormat>(float* y, InputBlock* a, byte* codes, BlockScales scales, int j)
        where TFormat : IPackedFormat
    {
        // Vector v of the plane holds vectors v and v + 16 of the codes, and a step takes four of 32 bytes.
        Vector256<short> i0 = default, i1 = default, i2 = default, i3 = default;
        for (var step = 0; step < InputBlock.Length / 8; step++, codes += Panel.StepBytes)
        {
            Ahead(codes);
            Vector256<sbyte> low = Input(a, step), high = Input(a, step + InputBlock.Length / 8);
            i0 = AddNibbles(i0, Vector256.Load(codes), low, high);
            i1 = AddNibbles(i1, Vector256.Load(codes + 32), low, high);
            i2 = AddNibbles(i2, Vector256.Load(codes + 64), low, high);
            i3 = AddNibbles(i3, Vector256.Load(codes + 96), low, high);
        }

        Scale<TFormat>(y, NarrowAvx2.Widen(i0), NarrowAvx2.Widen(i1), scales, j, 0, a);
        Scale<TFormat>(y + 16, NarrowAvx2.Widen(i2), NarrowAvx2.Widen(i3), scales, j, 16, a);
    }

    // A scale has 16 values: steps 0 to 3 are its first part and 4 to 7 its second. The sums of both parts for all rows
    // would be too many registers: 16 rows at a time.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sixes<TFormat>(float* y, InputBlock* a, byte* codes, BlockScales scales, int j)
        where TFormat : IPackedFormat
    {
        for (var i = 0; i < Planes.Nibbles + Planes.Pairs; i += Panel.StepBytes)
            Ahead(codes + i);
        for (var row = 0; row < Panel.Rows; row += 16, codes += 64)
        {
            Vector256<int> first0 = default, first1 = default, second0 = default, second1 = default;
            // Two steps whose pairs of bits share a vector with those two, four and six steps on.
            for (var half = 0; half < 2; half++)
            {
                var at = codes + half * Panel.StepBytes;
                Vector256<sbyte> v0 = Input(a, half), v2 = Input(a, half + 2), v4 = Input(a, half + 4),
                    v6 = Input(a, half + 6);
                AddSixes(ref first0, ref second0, at, v0, v2, v4, v6);
                AddSixes(ref first1, ref second1, at + 32, v0, v2, v4, v6);
            }

            Scale<TFormat>(y + row, first0, first1, scales, 2 * j, row, a);
            Scale<TFormat>(y + row, second0, second1, scales, 2 * j + 1, row, a);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> AddNibbles(
        Vector256<short> sum, Vector256<byte> w, Vector256<sbyte> low, Vector256<sbyte> high)
    {
        var mask = Vector256.Create((byte)15);
        return sum + Avx2.MultiplyAddAdjacent(w & mask, low) + Avx2.MultiplyAddAdjacent(Right(w, 4) & mask, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddSixes(
        ref Vector256<int> first, ref Vector256<int> second, byte* at, Vector256<sbyte> v0, Vector256<sbyte> v2,
        Vector256<sbyte> v4, Vector256<sbyte> v6)
    {
        Vector256<byte> mask = Vector256.Create((byte)15), top = Vector256.Create((byte)0x30);
        Vector256<byte> x = Vector256.Load(at), z = Vector256.Load(at + Planes.Pairs),
            b = Vector256.Load(at + Planes.Nibbles);
        first += NarrowAvx2.Widen(
            Avx2.MultiplyAddAdjacent(x & mask | Left(b, 4) & top, v0) +
            Avx2.MultiplyAddAdjacent(z & mask | Left(b, 2) & top, v2));
        second += NarrowAvx2.Widen(
            Avx2.MultiplyAddAdjacent(Right(x, 4) & mask | b & top, v4) +
            Avx2.MultiplyAddAdjacent(Right(z, 4) & mask | Right(b, 2) & top, v6));
    }

    // The codes ask for what lies as far ahead of them; this asks for the scales before or behind them. All in the
    // order in which it lies: what is asked for out of turn upsets the hardware's own prefetching.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AheadOfScales<TFormat>(byte* from) where TFormat : IPackedFormat
    {
        var bytes = TFormat.Bytes - DirectTile.CodeBytes<TFormat>();
        from -= TFormat.CodesAt > 0 ? 0 : bytes;
        for (var line = 0; line < bytes; line += 64)
            Sse.Prefetch1(from + Distance + line);
    }

    // Asks for two cache lines.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Ahead(byte* p)
    {
        Sse.Prefetch1(p + Distance);
        Sse.Prefetch1(p + Distance + 64);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<sbyte> Input(InputBlock* a, int step) => Vector256.Create(((int*)a)[step]).AsSByte();

    // 16 rows from one on; a part is what shares a scale.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale<TFormat>(
        float* y, Vector256<int> low, Vector256<int> high, BlockScales scales, int part, int row, InputBlock* a)
        where TFormat : IPackedFormat
    {
        var inInput = TFormat.ScaleLength == InputBlock.Length ? 0 : part % 2;
        Vector256<float> m0 = default, m1 = default;
        if (TFormat.HasMinima)
        {
            m0 = TFormat.Minima(scales.Prepared, scales.From, part, row);
            m1 = TFormat.Minima(scales.Prepared, scales.From, part, row + 8);
        }

        var y0 = NarrowAvx2.Scaled<TFormat>(Vector256.Load(y), low,
            TFormat.Scales(scales.Prepared, scales.From, part, row), m0, a, inInput);
        var y1 = NarrowAvx2.Scaled<TFormat>(Vector256.Load(y + 8), high,
            TFormat.Scales(scales.Prepared, scales.From, part, row + 8), m1, a, inInput);
        y0.Store(y);
        y1.Store(y + 8);
    }

    // By 16-bit lanes, because there is no shift of bytes; a mask takes away what came from the neighbour.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Right(Vector256<byte> x, int n) => (x.AsUInt16() >> n).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Left(Vector256<byte> x, int n) => (x.AsUInt16() << n).AsByte();
}
