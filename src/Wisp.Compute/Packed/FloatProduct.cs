using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Wisp.Compute;

/// <summary>A stored float type as its packed form is read.</summary>
/// <remarks>
/// Types of two bytes lie in pairs: a word of 4 bytes holds what two neighbouring columns have in a row, the first in
/// its low half, so that a vector of words is two vectors of float32 with nothing moved across lanes.
/// </remarks>
internal interface IFloatFormat
{
    static abstract int Bytes { get; }

    /// <summary>A power of two that values are read too small by: exact when multiplied into activations.</summary>
    static virtual float Scale => 1;

    /// <summary>The first values of 16 words.</summary>
    static abstract Vector512<float> Low(Vector512<int> words);

    /// <summary>The second values; of no meaning for 4 bytes.</summary>
    static abstract Vector512<float> High(Vector512<int> words);
}

internal readonly struct PackedF32 : IFloatFormat
{
    public static int Bytes => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Low(Vector512<int> words) => words.AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> High(Vector512<int> words) => words.AsSingle();
}

internal readonly struct PackedBF16 : IFloatFormat
{
    public static int Bytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Low(Vector512<int> words) => (words << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> High(Vector512<int> words) =>
        (words & Vector512.Create(unchecked((int)0xffff_0000))).AsSingle();
}

/// <summary>Halves, all of them finite.</summary>
internal readonly unsafe struct PackedF16 : IFloatFormat
{
    public static int Bytes => 2;

    public static float Scale => 5.192296858534828e33f; // 2 to the 112th

    // Shifted by three with its sign, a half in the high part of a word is a float whose exponent is 112 too small,
    // with copies of the sign above it and what stood in the low part below it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> High(Vector512<int> words) =>
        (words >> 3 & Vector512.Create(unchecked((int)0x8fff_e000))).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Low(Vector512<int> words) => High(words << 16);

    /// <summary>16 halves in a row. Exact where finite; infinities come out as NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* p)
    {
        // What reaches 65,536, the next power of two, had the exponent of infinities and NaNs.
        var wide = Vector512.WidenLower(Vector256.Load((short*)p).ToVector512Unsafe());
        var x = Low(wide) * Vector512.Create(Scale);
        return Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Abs(x), Vector512.Create(65536f)), x,
            Vector512.Create(float.NaN));
    }
}

/// <summary>Halves with infinities or NaNs among them, which no weight should be; they come out as NaN.</summary>
internal readonly struct PackedAnyF16 : IFloatFormat
{
    public static int Bytes => 2;

    public static float Scale => PackedF16.Scale;

    public static Vector512<float> Low(Vector512<int> words) => Checked(PackedF16.Low(words));

    public static Vector512<float> High(Vector512<int> words) => Checked(PackedF16.High(words));

    private static Vector512<float> Checked(Vector512<float> x)
    {
        var most = Vector512.Create(31 << 23); // the largest exponent, as it is after the shift
        return Vector512.ConditionalSelect(
            Vector512.LessThan(Vector512.Abs(x).AsInt32(), most).AsSingle(), x, Vector512.Create(float.NaN));
    }
}

internal static unsafe class FloatProduct
{
    /// <summary>Columns unpacked at a time, and the length of a chain of sums: as in <see cref="Gemm"/>.</summary>
    public const int Depth = 384;

    /// <summary>Tokens whose columns, 144 KB, stay in the L2 cache while the rows of a task pass.</summary>
    public const int TokensAtOnce = 96;

    public static int ScratchFloats => Depth * GemmTile.Columns;

    /// <summary>to = factor·x where that is exact: a power of two and no overflow. Returns whether it is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool Scale(float* to, float* x, int count, float factor)
    {
        var most = Vector512.Create(float.MaxValue / factor / 2);
        var small = Vector512<float>.AllBitsSet; // lanes that only held small numbers; a NaN is none
        var i = 0;
        for (; i + 16 <= count; i += 16)
        {
            var v = Vector512.Load(x + i);
            small &= Vector512.LessThan(Vector512.Abs(v), most);
            (v * Vector512.Create(factor)).Store(to + i);
        }

        var exact = Vector512.EqualsAll(small.AsInt32(), Vector512<int>.AllBitsSet);
        for (; i < count; i++)
        {
            exact &= Math.Abs(x[i]) < most[0];
            to[i] = x[i] * factor;
        }

        return exact;
    }
}

/// <summary>
/// Packing of a float type, and products with it, in panels of <see cref="GemmTile.Columns"/> rows, column by column or
/// pair of columns by pair.
/// </summary>
/// <remarks>
/// Every result is a chain of fused sums over <see cref="FloatProduct.Depth"/> columns from zero, added to the result,
/// and so on: what the micro-kernel does for many tokens and <see cref="One"/> for one.
/// </remarks>
internal static unsafe class FloatProduct<TFormat> where TFormat : IFloatFormat
{
    // Columns of a word.
    private static int InWord => sizeof(float) / TFormat.Bytes;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(void* argument, int panel, int worker)
    {
        ref var job = ref *(PackJob*)argument;
        int width = GemmTile.Columns, row = panel * width, rows = Math.Min(width, job.Rows - row),
            words = (job.Columns + InWord - 1) / InWord;
        var to = (float*)job.To + (nint)row * words;
        var from = job.From + row * job.RowBytes;
        if (job.Columns % InWord == 0)
            GemmTile.Pack(to, (float*)from, words, 1, rows, words, width);
        else
            PackOdd((ushort*)to, (ushort*)from, job.Columns, rows);
        if (typeof(TFormat) == typeof(PackedF16) && !AllFinite((int*)to, words * width))
            Interlocked.Exchange(ref job.NotFinite, 1);
    }

    // Rows of an odd number of halves do not lie on words.
    private static void PackOdd(ushort* to, ushort* from, int columns, int rows)
    {
        var width = GemmTile.Columns;
        new Span<ushort>(to, (columns + 1) * width).Clear();
        for (var i = 0; i < rows; i++)
            for (var k = 0; k < columns; k++)
                to[((nint)(k / 2) * width + i) * 2 + k % 2] = from[(nint)i * columns + k];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool AllFinite(int* words, int count)
    {
        Vector512<int> exponents = Vector512.Create(0x7c00_7c00), one = Vector512.Create(0x0400_0400), found = default;
        // An exponent of ones, and only that, carries into the bit above.
        for (var i = 0; i < count; i += 16)
            found |= (Vector512.Load(words + i) & exponents) + one;
        return Vector512.EqualsAll(found & Vector512.Create(unchecked((int)0x8000_8000)), default);
    }

    public static void Multiply(in PackedPart part, int task, float* scratch)
    {
        part.Range(task, out var row, out var endRow, out var token, out var endToken);
        part.Start(row, endRow, token, endToken);
        var width = GemmTile.Columns;
        if (part.N == 1)
        {
            for (; row < endRow; row += width)
                One(part, row, Math.Min(width, endRow - row));
            return;
        }

        for (var at = 0; at < part.Columns; at += FloatProduct.Depth)
        {
            var columns = Math.Min(FloatProduct.Depth, part.Columns - at);
            var (w, wStride) = TFormat.Bytes == sizeof(float)
                ? ((nint)Packed(part, row, at), width * part.Columns) // float32 is multiplied where it lies
                : (Unpack(part, row, endRow, at, columns, scratch), FloatProduct.ScratchFloats);
            for (var n = token; n < endToken; n += FloatProduct.TokensAtOnce)
                GemmTile.Multiply(part.Y + (nint)n * part.Stride + row, part.Stride,
                    part.Panels + (nint)n * part.Columns + at * GemmTile.Rows, (nint)GemmTile.Rows * part.Columns,
                    (float*)w, wStride, Math.Min(FloatProduct.TokensAtOnce, endToken - n), endRow - row, columns,
                    add: true);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static nint Unpack(in PackedPart part, int row, int endRow, int at, int columns, float* scratch)
    {
        var to = scratch;
        var scale = Vector512.Create(TFormat.Scale);
        var width = GemmTile.Columns;
        for (; row < endRow; row += width, to += FloatProduct.ScratchFloats)
        {
            var from = (int*)Packed(part, row, at);
            for (var k = 0; k < columns; k += 2)
            {
                var pair = to + (nint)k * width;
                for (var i = 0; i < width; i += 16, from += 16)
                {
                    var words = Vector512.Load(from);
                    (TFormat.Low(words) * scale).Store(pair + i);
                    if (k + 1 < columns)
                        (TFormat.High(words) * scale).Store(pair + width + i);
                }
            }
        }

        return (nint)scratch;
    }

    // A multiple of the depth is a whole number of words.
    private static byte* Packed(in PackedPart part, int row, int column) =>
        part.W + ((nint)row * ((part.Columns + InWord - 1) / InWord)
            + (nint)(column / InWord) * GemmTile.Columns) * sizeof(float);

    private static void One(in PackedPart part, int row, int rows)
    {
        float* sums = stackalloc float[48], scaled = stackalloc float[FloatProduct.Depth];
        var y = new Span<float>(part.Y + row, rows);
        y.CopyTo(new Span<float>(sums, rows));
        for (var at = 0; at < part.Columns; at += FloatProduct.Depth)
        {
            var columns = Math.Min(FloatProduct.Depth, part.Columns - at);
            var x = part.Panels + at;
            var w = Packed(part, row, at);
            var exact = TFormat.Scale == 1 || FloatProduct.Scale(scaled, x, columns, TFormat.Scale);
            x = TFormat.Scale == 1 || !exact ? x : scaled;
            if (exact && Vector512.IsHardwareAccelerated)
                Chain48(sums, x, w, columns);
            else
                for (var i = 0; i < GemmTile.Columns; i += 16)
                    Chain16(sums + i, x, w + i * sizeof(float), columns, exact ? 1 : TFormat.Scale);
        }

        new Span<float>(sums, rows).CopyTo(y);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Chain48(float* y, float* x, byte* w, int columns)
    {
        Vector512<float> a = default, b = default, c = default;
        for (var k = 0; k < columns; w += 48 * sizeof(float))
        {
            if (Sse.IsSupported)
                for (var line = 0; line < 48 * sizeof(float); line += 64)
                    Sse.Prefetch0(w + DirectTile.Distance + line);
            var v = Vector512.Create(x[k++]);
            Vector512<int> u0 = Vector512.Load((int*)w), u1 = Vector512.Load((int*)w + 16),
                u2 = Vector512.Load((int*)w + 32);
            a = Vector512.FusedMultiplyAdd(v, TFormat.Low(u0), a);
            b = Vector512.FusedMultiplyAdd(v, TFormat.Low(u1), b);
            c = Vector512.FusedMultiplyAdd(v, TFormat.Low(u2), c);
            if (TFormat.Bytes == sizeof(float) || k == columns)
                continue;
            v = Vector512.Create(x[k++]);
            a = Vector512.FusedMultiplyAdd(v, TFormat.High(u0), a);
            b = Vector512.FusedMultiplyAdd(v, TFormat.High(u1), b);
            c = Vector512.FusedMultiplyAdd(v, TFormat.High(u2), c);
        }

        (a + Vector512.Load(y)).Store(y);
        (b + Vector512.Load(y + 16)).Store(y + 16);
        (c + Vector512.Load(y + 32)).Store(y + 32);
    }

    // 16 rows of a panel.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Chain16(float* y, float* x, byte* w, int columns, float scale)
    {
        Vector256<float> a = default, b = default;
        var factor = Vector512.Create(scale);
        for (var k = 0; k < columns; w += GemmTile.Columns * sizeof(float))
        {
            if (Sse.IsSupported)
                Sse.Prefetch0(w + DirectTile.Distance);
            var words = Vector512.Load((int*)w);
            var v = TFormat.Low(words);
            if (scale != 1)
                v *= factor;
            Add(x[k++], v, ref a, ref b);
            if (TFormat.Bytes == sizeof(float) || k == columns)
                continue;
            v = TFormat.High(words);
            if (scale != 1)
                v *= factor;
            Add(x[k++], v, ref a, ref b);
        }

        (a + Vector256.Load(y)).Store(y);
        (b + Vector256.Load(y + 8)).Store(y + 8);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Add(float x, Vector512<float> row, ref Vector256<float> a, ref Vector256<float> b)
        {
            var v = Vector256.Create(x);
            a = Fma(v, row.GetLower(), a);
            b = Fma(v, row.GetUpper(), b);
        }

        // As the micro-kernel does it where there is no such instruction.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector256<float> Fma(Vector256<float> x, Vector256<float> y, Vector256<float> z) =>
            Vector256.IsHardwareAccelerated ? Vector256.FusedMultiplyAdd(x, y, z) : x * y + z;
    }
}
