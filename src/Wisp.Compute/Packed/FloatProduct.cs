using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Wisp.Compute;

/// <summary>A stored float type: 16 values at a time to float32.</summary>
internal unsafe interface IFloatFormat
{
    static abstract int Bytes { get; }

    static abstract Vector512<float> Load(byte* p);
}

internal readonly unsafe struct PackedF32 : IFloatFormat
{
    public static int Bytes => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* p) => Vector512.Load((float*)p);
}

internal readonly unsafe struct PackedBF16 : IFloatFormat
{
    public static int Bytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* p) =>
        (Vector512.WidenLower(Vector256.Load((ushort*)p).ToVector512Unsafe()) << 16).AsSingle();
}

internal readonly unsafe struct PackedF16 : IFloatFormat
{
    public static int Bytes => 2;

    /// <summary>Exact where finite; infinities, which no weight should be, come out as NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* p)
    {
        // Widened with its sign and shifted, a half is a float whose exponent is 112 too small, with copies of the
        // sign above it. What then reaches 65,536, the next power of two, had the exponent of infinities and NaNs.
        var wide = Vector512.WidenLower(Vector256.Load((short*)p).ToVector512Unsafe());
        var bits = wide << 13 & Vector512.Create(unchecked((int)0x8fff_ffff));
        var x = bits.AsSingle() * Vector512.Create(5.192296858534828e33f);
        return Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Abs(x), Vector512.Create(65536f)), x,
            Vector512.Create(float.NaN));
    }
}

internal static class FloatProduct
{
    /// <summary>Columns unpacked at a time, and the length of a chain of sums: as in <see cref="Gemm"/>.</summary>
    public const int Depth = 384;

    /// <summary>Tokens whose columns, 144 KB, stay in the L2 cache while the rows of a task pass.</summary>
    public const int TokensAtOnce = 96;

    public static int ScratchFloats => Depth * GemmTile.Columns;
}

/// <summary>
/// Packing of a float type, and products with it, in panels of <see cref="GemmTile.Columns"/> rows, column by column.
/// </summary>
/// <remarks>
/// Every result is a chain of fused sums over <see cref="FloatProduct.Depth"/> columns from zero, added to the result,
/// and so on: what the micro-kernel does for many tokens and <see cref="One"/> for one.
/// </remarks>
internal static unsafe class FloatProduct<TFormat> where TFormat : IFloatFormat
{
    public static void Pack(void* argument, int panel, int worker)
    {
        ref readonly var job = ref *(PackJob*)argument;
        int width = GemmTile.Columns, row = panel * width, rows = Math.Min(width, job.Rows - row);
        var to = job.To + (nint)row * job.Columns * TFormat.Bytes;
        var from = job.From + row * job.RowBytes;
        if (TFormat.Bytes == 4)
        {
            GemmTile.Pack((float*)to, (float*)from, job.Columns, 1, rows, job.Columns, width);
            return;
        }

        // Eight columns at a time: whole cache lines of what is written, and short strides in what is read.
        for (var at = 0; at < job.Columns; at += 8)
            for (var i = 0; i < rows; i++)
            {
                var x = (ushort*)(from + i * job.RowBytes);
                for (var k = at; k < Math.Min(at + 8, job.Columns); k++)
                    ((ushort*)to)[(nint)k * width + i] = x[k];
            }
    }

    public static void Multiply(in PackedPart part, int task, float* scratch)
    {
        part.Begin(task, out var row, out var endRow, out var token, out var endToken);
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
        for (; row < endRow; row += GemmTile.Columns, to += FloatProduct.ScratchFloats)
        {
            var from = Packed(part, row, at);
            for (var k = 0; k < columns * GemmTile.Columns; k += 16)
                TFormat.Load(from + (nint)k * TFormat.Bytes).Store(to + k);
        }

        return (nint)scratch;
    }

    private static byte* Packed(in PackedPart part, int row, int column) =>
        part.W + ((nint)row * part.Columns + (nint)column * GemmTile.Columns) * TFormat.Bytes;

    private static void One(in PackedPart part, int row, int rows)
    {
        var sums = stackalloc float[48];
        var y = new Span<float>(part.Y + row, rows);
        y.CopyTo(new Span<float>(sums, rows));
        for (var at = 0; at < part.Columns; at += FloatProduct.Depth)
        {
            var columns = Math.Min(FloatProduct.Depth, part.Columns - at);
            if (Vector512.IsHardwareAccelerated)
                Chain48(sums, part.Panels + at, Packed(part, row, at), columns);
            else
                Chain16(sums, part.Panels + at, Packed(part, row, at), columns);
        }

        new Span<float>(sums, rows).CopyTo(y);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Chain48(float* y, float* x, byte* w, int columns)
    {
        Vector512<float> a = default, b = default, c = default;
        for (var k = 0; k < columns; k++, w += 48 * TFormat.Bytes)
        {
            if (Sse.IsSupported)
                for (var line = 0; line < 48 * TFormat.Bytes; line += 64)
                    Sse.Prefetch0(w + DirectTile.Distance + line);
            var v = Vector512.Create(x[k]);
            a = Vector512.FusedMultiplyAdd(v, TFormat.Load(w), a);
            b = Vector512.FusedMultiplyAdd(v, TFormat.Load(w + 16 * TFormat.Bytes), b);
            c = Vector512.FusedMultiplyAdd(v, TFormat.Load(w + 32 * TFormat.Bytes), c);
        }

        (a + Vector512.Load(y)).Store(y);
        (b + Vector512.Load(y + 16)).Store(y + 16);
        (c + Vector512.Load(y + 32)).Store(y + 32);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Chain16(float* y, float* x, byte* w, int columns)
    {
        Vector256<float> a = default, b = default;
        for (var k = 0; k < columns; k++, w += 16 * TFormat.Bytes)
        {
            var v = Vector256.Create(x[k]);
            var row = TFormat.Load(w);
            a = Fma(v, row.GetLower(), a);
            b = Fma(v, row.GetUpper(), b);
        }

        (a + Vector256.Load(y)).Store(y);
        (b + Vector256.Load(y + 8)).Store(y + 8);

        // As the micro-kernel does it where there is no such instruction.
        static Vector256<float> Fma(Vector256<float> x, Vector256<float> y, Vector256<float> z) =>
            Vector256.IsHardwareAccelerated ? Vector256.FusedMultiplyAdd(x, y, z) : x * y + z;
    }
}
