using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Wisp.Compute;

/// <summary>
/// <see cref="DirectTile"/> with AVX2, block by block, for the codes that nothing newer is used for; the same bits.
/// </summary>
/// <remarks>
/// Bytes are read in the order in which they lie, each vector 8 rows; the sums of all 32 rows are kept in memory
/// between blocks, because 16 registers hold no more than those of one block and its operands.
/// </remarks>
internal static unsafe class DirectAvx2
{
    // How far ahead memory is asked for, into the L2 cache: what L1 waits for at once is too little (LAB 2026-11-30).
    private const int Distance = 8192;

    // Room for what a format prepares of a block's scales.
    private const int ScratchFloats = 256;

    /// <summary>Panels, each a stream of its own, that take turns by the block.</summary>
    /// <param name="y">32 sums for each, which are added to.</param>
    /// <param name="apart">Bytes from one panel to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<TFormat>(
        float* y, InputBlock* a, byte* from, nint apart, int streams, float* scratch, int columns)
        where TFormat : IPackedFormat
    {
        // Constants, all asked for here: after much code in line the JIT would call for each.
        int length = TFormat.Length, bytes = TFormat.Bytes, codesAt = TFormat.CodesAt,
            parts = length / InputBlock.Length, codesOfPart = DirectTile.CodeBytes<TFormat>() / parts;
        for (; columns > 0; columns -= length, from += bytes)
        {
            for (var stream = 0; stream < streams; stream++)
            {
                if (codesAt > 0)
                    AheadOfScales<TFormat>(from + stream * apart);
                TFormat.PrepareScales(scratch + stream * ScratchFloats, from + stream * apart);
            }

            for (var j = 0; j < parts; j++, a++)
                for (var stream = 0; stream < streams; stream++)
                {
                    var block = from + stream * apart;
                    var codes = block + codesAt + j * codesOfPart;
                    var scales = new BlockScales(block, scratch + stream * ScratchFloats);
                    if (TFormat.Direct == DirectCodes.Bytes)
                        Bytes<TFormat>(y + stream * Panel.Rows, a, codes, scales, j);
                    else if (TFormat.Direct == DirectCodes.Nibbles)
                        Nibbles<TFormat>(y + stream * Panel.Rows, a, codes, scales, j);
                    else if (TFormat.Direct == DirectCodes.Places)
                        Places<TFormat>(y + stream * Panel.Rows, a, codes, scales, j);
                    else if (TFormat.Direct == DirectCodes.Fives)
                        Fives<TFormat>(y + stream * Panel.Rows, a, codes, scales, j);
                    else if (TFormat.Direct is DirectCodes.Pairs or DirectCodes.Threes)
                        Pairs<TFormat>(y + stream * Panel.Rows, a, codes, scales, j);
                    else
                        Sixes<TFormat>(y + stream * Panel.Rows, a, codes, scales, j);
                    if (codesAt == 0)
                        AheadOfScales<TFormat>(block + bytes);
                }
        }
    }

    private readonly struct BlockScales(byte* from, float* prepared)
    {
        public readonly byte* From = from;
        public readonly float* Prepared = prepared;
    }

    // The two kinds that are short are part of the loop over the blocks. The others are not: what stands in them is all
    // that the JIT puts in line in one method, and of the rest, in the middle of the arithmetic, it makes calls.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Bytes<TFormat>(float* y, InputBlock* a, byte* codes, BlockScales scales, int j)
        where TFormat : IPackedFormat
    {
        Vector256<int> i0 = default, i1 = default, i2 = default, i3 = default;
        for (var step = 0; step < InputBlock.Length / 4; step++, codes += Panel.StepBytes)
        {
            Ahead(codes);
            var v = Input(a, step);
            i0 = SignedTile.Add(i0, Vector256.Load((sbyte*)codes), v);
            i1 = SignedTile.Add(i1, Vector256.Load((sbyte*)codes + 32), v);
            i2 = SignedTile.Add(i2, Vector256.Load((sbyte*)codes + 64), v);
            i3 = SignedTile.Add(i3, Vector256.Load((sbyte*)codes + 96), v);
        }

        Scale<TFormat>(y, i0, i1, i2, i3, scales, j, a);
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

        Scale<TFormat>(y, NarrowAvx2.Widen(i0), NarrowAvx2.Widen(i1), NarrowAvx2.Widen(i2), NarrowAvx2.Widen(i3),
            scales, j, a);
    }

    // As nibbles, but what they stand for has eight bits.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Places<TFormat>(float* y, InputBlock* a, byte* codes, BlockScales scales, int j)
        where TFormat : IPackedFormat
    {
        var table = Vector256.Create(IQ4_NL.Codes);
        Vector256<int> i0 = default, i1 = default, i2 = default, i3 = default;
        for (var step = 0; step < InputBlock.Length / 8; step++, codes += Panel.StepBytes)
        {
            Ahead(codes);
            Vector256<sbyte> low = Input(a, step), high = Input(a, step + InputBlock.Length / 8);
            i0 = AddPlaces(i0, table, codes, low, high);
            i1 = AddPlaces(i1, table, codes + 32, low, high);
            i2 = AddPlaces(i2, table, codes + 64, low, high);
            i3 = AddPlaces(i3, table, codes + 96, low, high);
        }

        Scale<TFormat>(y, i0, i1, i2, i3, scales, j, a);
    }

    // Two sums for each row, of steps 0 to 3 and of 4 to 7: more do not fit 16 bits. 16 rows at a time.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Fives<TFormat>(float* y, InputBlock* a, byte* codes, BlockScales scales, int j)
        where TFormat : IPackedFormat
    {
        for (var i = 0; i < Planes.Nibbles + Planes.Bits; i += Panel.StepBytes)
            Ahead(codes + i);
        Vector256<byte> mask = Vector256.Create((byte)15), fifth = Vector256.Create((byte)16);
        for (var row = 0; row < Panel.Rows; row += 16, codes += 64)
        {
            var f0 = Vector256.Load(codes + Planes.Nibbles);
            var f1 = Vector256.Load(codes + Planes.Nibbles + 32);
            Vector256<short> low0 = default, low1 = default, high0 = default, high1 = default;
            for (var step = 0; step < InputBlock.Length / 8; step++)
            {
                var at = codes + step * Panel.StepBytes;
                Vector256<byte> x0 = Vector256.Load(at), x1 = Vector256.Load(at + 32);
                Vector256<sbyte> low = Input(a, step), high = Input(a, step + InputBlock.Length / 8);
                low0 += Avx2.MultiplyAddAdjacent(x0 & mask | Left(f0, 4) & fifth, low);
                low1 += Avx2.MultiplyAddAdjacent(x1 & mask | Left(f1, 4) & fifth, low);
                high0 += Avx2.MultiplyAddAdjacent(Right(x0, 4) & mask | f0 & fifth, high);
                high1 += Avx2.MultiplyAddAdjacent(Right(x1, 4) & mask | f1 & fifth, high);
                (f0, f1) = (Right(f0, 1), Right(f1, 1));
            }

            Scale<TFormat>(y, NarrowAvx2.Widen(low0) + NarrowAvx2.Widen(high0), scales, j, row, a);
            Scale<TFormat>(y, NarrowAvx2.Widen(low1) + NarrowAvx2.Widen(high1), scales, j, row + 8, a);
        }
    }

    // A scale has 16 values: steps 0 to 3 are its first part and 4 to 7 its second.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sixes<TFormat>(float* y, InputBlock* a, byte* codes, BlockScales scales, int j)
        where TFormat : IPackedFormat
    {
        for (var i = 0; i < Planes.Nibbles + Planes.Pairs; i += Panel.StepBytes)
            Ahead(codes + i);
        Vector256<byte> mask = Vector256.Create((byte)15), top = Vector256.Create((byte)0x30);
        for (var row = 0; row < Panel.Rows; row += 8, codes += 32)
        {
            Vector256<int> first = default, second = default;
            // Two steps whose pairs of bits share a vector with those two, four and six steps on.
            for (var half = 0; half < 2; half++)
            {
                var at = codes + half * Panel.StepBytes;
                Vector256<byte> x = Vector256.Load(at), z = Vector256.Load(at + Planes.Pairs),
                    b = Vector256.Load(at + Planes.Nibbles);
                first += NarrowAvx2.Widen(
                    Avx2.MultiplyAddAdjacent(x & mask | Left(b, 4) & top, Input(a, half)) +
                    Avx2.MultiplyAddAdjacent(z & mask | Left(b, 2) & top, Input(a, half + 2)));
                second += NarrowAvx2.Widen(
                    Avx2.MultiplyAddAdjacent(Right(x, 4) & mask | b & top, Input(a, half + 4)) +
                    Avx2.MultiplyAddAdjacent(Right(z, 4) & mask | Right(b, 2) & top, Input(a, half + 6)));
            }

            Scale<TFormat>(y, first, scales, 2 * j, row, a);
            Scale<TFormat>(y, second, scales, 2 * j + 1, row, a);
        }
    }

    // Pairs of bits alone or with third ones; a scale has 16 values, and its four steps fit 16 bits.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pairs<TFormat>(float* y, InputBlock* a, byte* codes, BlockScales scales, int j)
        where TFormat : IPackedFormat
    {
        var bytes = DirectTile.CodeBytes<TFormat>() / (TFormat.Length / InputBlock.Length);
        for (var i = 0; i < bytes; i += Panel.StepBytes)
            Ahead(codes + i);
        for (var row = 0; row < Panel.Rows; row += 8, codes += 32)
        {
            // Steps 0, 2, 4 and 6 share a vector, the four others the next one, and third bits of all steps a third.
            Vector256<byte> even = Vector256.Load(codes), odd = Vector256.Load(codes + Panel.StepBytes),
                thirds = default;
            if (TFormat.Direct == DirectCodes.Threes)
                thirds = Vector256.Load(codes + Planes.Pairs);
            Scale<TFormat>(y, FourSteps<TFormat>(even, odd, thirds, a, 0), scales, 2 * j, row, a);
            Scale<TFormat>(y, FourSteps<TFormat>(Right(even, 4), Right(odd, 4), Right(thirds, 4), a, 4),
                scales, 2 * j + 1, row, a);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> FourSteps<TFormat>(
        Vector256<byte> even, Vector256<byte> odd, Vector256<byte> thirds, InputBlock* a, int step)
        where TFormat : IPackedFormat
    {
        var mask = Vector256.Create((byte)3);
        Vector256<byte> w0 = even & mask, w1 = odd & mask, w2 = Right(even, 2) & mask, w3 = Right(odd, 2) & mask;
        if (TFormat.Direct == DirectCodes.Threes)
        {
            var third = Vector256.Create((byte)4);
            w0 |= Left(thirds, 2) & third;
            w1 |= Left(thirds, 1) & third;
            w2 |= thirds & third;
            w3 |= Right(thirds, 1) & third;
        }

        return NarrowAvx2.Widen(
            Avx2.MultiplyAddAdjacent(w0, Input(a, step)) + Avx2.MultiplyAddAdjacent(w1, Input(a, step + 1))
            + (Avx2.MultiplyAddAdjacent(w2, Input(a, step + 2)) + Avx2.MultiplyAddAdjacent(w3, Input(a, step + 3))));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> AddNibbles(
        Vector256<short> sum, Vector256<byte> w, Vector256<sbyte> low, Vector256<sbyte> high)
    {
        var mask = Vector256.Create((byte)15);
        return sum + Avx2.MultiplyAddAdjacent(w & mask, low) + Avx2.MultiplyAddAdjacent(Right(w, 4) & mask, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> AddPlaces(
        Vector256<int> sum, Vector256<sbyte> table, byte* places, Vector256<sbyte> low, Vector256<sbyte> high)
    {
        var mask = Vector256.Create((byte)15);
        var w = Vector256.Load(places);
        sum = SignedTile.Add(sum, Avx2.Shuffle(table, (w & mask).AsSByte()), low);
        return SignedTile.Add(sum, Avx2.Shuffle(table, (Right(w, 4) & mask).AsSByte()), high);
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

    // All 32 rows of a part, which is what shares a scale.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale<TFormat>(
        float* y, Vector256<int> i0, Vector256<int> i1, Vector256<int> i2, Vector256<int> i3, BlockScales scales,
        int part, InputBlock* a) where TFormat : IPackedFormat
    {
        Scale<TFormat>(y, i0, scales, part, 0, a);
        Scale<TFormat>(y, i1, scales, part, 8, a);
        Scale<TFormat>(y, i2, scales, part, 16, a);
        Scale<TFormat>(y, i3, scales, part, 24, a);
    }

    // Eight of them from one on.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale<TFormat>(
        float* y, Vector256<int> sum, BlockScales scales, int part, int row, InputBlock* a)
        where TFormat : IPackedFormat
    {
        y += row;
        NarrowAvx2.Scaled<TFormat>(Vector256.Load(y), sum,
            TFormat.Scales(scales.Prepared, scales.From, part, row),
            TFormat.HasMinima ? TFormat.Minima(scales.Prepared, scales.From, part, row) : default,
            a, TFormat.ScaleLength == InputBlock.Length ? 0 : part & 1).Store(y);
    }

    // By 16-bit lanes, because there is no shift of bytes; a mask takes away what came from the neighbour.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Right(Vector256<byte> x, int n) => (x.AsUInt16() >> n).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Left(Vector256<byte> x, int n) => (x.AsUInt16() << n).AsByte();
}
