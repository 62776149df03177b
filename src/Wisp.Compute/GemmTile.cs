using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Wisp.Compute;

/// <summary>
/// The inner parts of matrix multiplication on one thread: packing into panels, and the micro-kernel that multiplies
/// two panels into a register tile. Goto and van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication".
/// </summary>
/// <remarks>
/// A panel of A holds <see cref="Rows"/> rows, k-major: element (i, k) at k·Rows + i. A panel of B holds
/// <see cref="Columns"/> columns, k-major: element (k, j) at k·Columns + j. Short panels are padded with zeros, so the
/// micro-kernel knows one shape only.
/// </remarks>
internal static unsafe class GemmTile
{
    // 8 x 48: 24 accumulators, 3 registers of B and one broadcast of A use 28 of the 32 zmm registers; 11 loads feed 24
    // FMAs, so the two FMA ports bind and not the two load ports. With 16 ymm registers 6 x 16 does the same.
    public static int Rows => Vector512.IsHardwareAccelerated ? 8 : 6;

    public static int Columns => Vector512.IsHardwareAccelerated ? 48 : 16;

    public static int RoundToRows(int m) => (m + Rows - 1) / Rows * Rows;

    public static int RoundToColumns(int n) => (n + Columns - 1) / Columns * Columns;

    /// <summary>
    /// Packs m rows and K columns of a matrix whose element (i, k) stands at i·rowStride + k·kStride (one of the two
    /// strides is 1) into panels of <paramref name="width"/> rows; panel p begins at dst + p·width·K.
    /// </summary>
    public static void Pack(float* dst, float* src, nint rowStride, nint kStride, int m, int K, int width)
    {
        if (rowStride == 1)
        {
            // k outermost: a source row is read once from end to end, and each page of it is touched once.
            for (var k = 0; k < K; k++)
                PackAlong(dst + (nint)k * width, src + k * kStride, m, width, (nint)width * K);
            return;
        }

        for (var i = 0; i < m; i += width, dst += (nint)width * K, src += width * rowStride)
            PackAcross(dst, src, rowStride, Math.Min(width, m - i), K, width);
    }

    // Source rows lie along memory: one k of every panel.
    private static void PackAlong(float* dst, float* src, int m, int width, nint panelStride)
    {
        var i = 0;
        for (; i + width <= m; i += width, dst += panelStride, src += width)
        {
            var r = 0;
            for (; r + 16 <= width; r += 16)
                Vector512.Load(src + r).Store(dst + r);
            for (; r + 8 <= width; r += 8)
                Vector256.Load(src + r).Store(dst + r);
            for (; r < width; r++)
                dst[r] = src[r];
        }

        if (i == m)
            return;
        for (var r = 0; r < width; r++)
            dst[r] = i + r < m ? src[r] : 0;
    }

    // Source k lies along memory: a transposition, in 8 x 8 blocks where AVX can do it in registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackAcross(float* dst, float* src, nint rowStride, int rows, int K, int width)
    {
        var done = 0; // rows handled by blocks
        if (Avx.IsSupported)
        {
            for (; done + 8 <= rows; done += 8)
            {
                var k = 0;
                for (; k + 8 <= K; k += 8)
                    Transpose8(dst + (nint)k * width + done, width, src + done * rowStride + k, rowStride);
                for (; k < K; k++)
                    for (var r = 0; r < 8; r++)
                        dst[(nint)k * width + done + r] = src[(done + r) * rowStride + k];
            }
        }

        for (var r = done; r < rows; r++)
            for (var k = 0; k < K; k++)
                dst[(nint)k * width + r] = src[r * rowStride + k];
        for (var r = rows; r < width; r++)
            for (var k = 0; k < K; k++)
                dst[(nint)k * width + r] = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose8(float* dst, nint dstStride, float* src, nint srcStride)
    {
        Vector256<float> r0 = Avx.LoadVector256(src), r1 = Avx.LoadVector256(src + srcStride),
            r2 = Avx.LoadVector256(src + 2 * srcStride), r3 = Avx.LoadVector256(src + 3 * srcStride),
            r4 = Avx.LoadVector256(src + 4 * srcStride), r5 = Avx.LoadVector256(src + 5 * srcStride),
            r6 = Avx.LoadVector256(src + 6 * srcStride), r7 = Avx.LoadVector256(src + 7 * srcStride);
        Vector256<float> t0 = Avx.UnpackLow(r0, r1), t1 = Avx.UnpackHigh(r0, r1),
            t2 = Avx.UnpackLow(r2, r3), t3 = Avx.UnpackHigh(r2, r3),
            t4 = Avx.UnpackLow(r4, r5), t5 = Avx.UnpackHigh(r4, r5),
            t6 = Avx.UnpackLow(r6, r7), t7 = Avx.UnpackHigh(r6, r7);
        r0 = Avx.Shuffle(t0, t2, 0x44);
        r1 = Avx.Shuffle(t0, t2, 0xEE);
        r2 = Avx.Shuffle(t1, t3, 0x44);
        r3 = Avx.Shuffle(t1, t3, 0xEE);
        r4 = Avx.Shuffle(t4, t6, 0x44);
        r5 = Avx.Shuffle(t4, t6, 0xEE);
        r6 = Avx.Shuffle(t5, t7, 0x44);
        r7 = Avx.Shuffle(t5, t7, 0xEE);
        Avx.Permute2x128(r0, r4, 0x20).Store(dst);
        Avx.Permute2x128(r1, r5, 0x20).Store(dst + dstStride);
        Avx.Permute2x128(r2, r6, 0x20).Store(dst + 2 * dstStride);
        Avx.Permute2x128(r3, r7, 0x20).Store(dst + 3 * dstStride);
        Avx.Permute2x128(r0, r4, 0x31).Store(dst + 4 * dstStride);
        Avx.Permute2x128(r1, r5, 0x31).Store(dst + 5 * dstStride);
        Avx.Permute2x128(r2, r6, 0x31).Store(dst + 6 * dstStride);
        Avx.Permute2x128(r3, r7, 0x31).Store(dst + 7 * dstStride);
    }

    /// <summary>
    /// C(m, n) = or += packed A · packed B, over K; bPanelStride is the distance of two panels of B in floats.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(
        float* c, nint ldc, float* packedA, nint aPanelStride, float* packedB, nint bPanelStride, int m, int n, int K,
        bool add)
    {
        int rows = Rows, columns = Columns;
        var edge = stackalloc float[8 * 48];
        for (var j = 0; j < n; j += columns)
        {
            var b = packedB + j / columns * bPanelStride;
            for (var i = 0; i < m; i += rows)
            {
                var a = packedA + i / rows * aPanelStride;
                var to = c + i * ldc + j;
                if (i + rows <= m && j + columns <= n)
                {
                    Tile(to, ldc, a, b, K, add);
                    continue;
                }

                // A tile that hangs over the edge is computed whole beside the matrix, and its valid part copied.
                Tile(edge, columns, a, b, K, false);
                for (var r = 0; r < Math.Min(rows, m - i); r++)
                    for (var x = 0; x < Math.Min(columns, n - j); x++)
                        to[r * ldc + x] = edge[r * columns + x] + (add ? to[r * ldc + x] : 0);
            }
        }
    }

    private static void Tile(float* c, nint ldc, float* a, float* b, int K, bool add)
    {
        if (Vector512.IsHardwareAccelerated)
            Tile8x48(c, ldc, a, b, K, add);
        else
            Tile6x16(c, ldc, a, b, K, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile8x48(float* c, nint ldc, float* a, float* b, int K, bool add)
    {
        Vector512<float> c00 = default, c01 = default, c02 = default, c10 = default, c11 = default, c12 = default,
            c20 = default, c21 = default, c22 = default, c30 = default, c31 = default, c32 = default,
            c40 = default, c41 = default, c42 = default, c50 = default, c51 = default, c52 = default,
            c60 = default, c61 = default, c62 = default, c70 = default, c71 = default, c72 = default;
        for (var k = 0; k < K; k++, a += 8, b += 48)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16), b2 = Vector512.Load(b + 32);
            var x = Vector512.Create(a[0]);
            c00 = Vector512.FusedMultiplyAdd(x, b0, c00);
            c01 = Vector512.FusedMultiplyAdd(x, b1, c01);
            c02 = Vector512.FusedMultiplyAdd(x, b2, c02);
            x = Vector512.Create(a[1]);
            c10 = Vector512.FusedMultiplyAdd(x, b0, c10);
            c11 = Vector512.FusedMultiplyAdd(x, b1, c11);
            c12 = Vector512.FusedMultiplyAdd(x, b2, c12);
            x = Vector512.Create(a[2]);
            c20 = Vector512.FusedMultiplyAdd(x, b0, c20);
            c21 = Vector512.FusedMultiplyAdd(x, b1, c21);
            c22 = Vector512.FusedMultiplyAdd(x, b2, c22);
            x = Vector512.Create(a[3]);
            c30 = Vector512.FusedMultiplyAdd(x, b0, c30);
            c31 = Vector512.FusedMultiplyAdd(x, b1, c31);
            c32 = Vector512.FusedMultiplyAdd(x, b2, c32);
            x = Vector512.Create(a[4]);
            c40 = Vector512.FusedMultiplyAdd(x, b0, c40);
            c41 = Vector512.FusedMultiplyAdd(x, b1, c41);
            c42 = Vector512.FusedMultiplyAdd(x, b2, c42);
            x = Vector512.Create(a[5]);
            c50 = Vector512.FusedMultiplyAdd(x, b0, c50);
            c51 = Vector512.FusedMultiplyAdd(x, b1, c51);
            c52 = Vector512.FusedMultiplyAdd(x, b2, c52);
            x = Vector512.Create(a[6]);
            c60 = Vector512.FusedMultiplyAdd(x, b0, c60);
            c61 = Vector512.FusedMultiplyAdd(x, b1, c61);
            c62 = Vector512.FusedMultiplyAdd(x, b2, c62);
            x = Vector512.Create(a[7]);
            c70 = Vector512.FusedMultiplyAdd(x, b0, c70);
            c71 = Vector512.FusedMultiplyAdd(x, b1, c71);
            c72 = Vector512.FusedMultiplyAdd(x, b2, c72);
        }

        Row(c, c00, c01, c02, add);
        Row(c + ldc, c10, c11, c12, add);
        Row(c + 2 * ldc, c20, c21, c22, add);
        Row(c + 3 * ldc, c30, c31, c32, add);
        Row(c + 4 * ldc, c40, c41, c42, add);
        Row(c + 5 * ldc, c50, c51, c52, add);
        Row(c + 6 * ldc, c60, c61, c62, add);
        Row(c + 7 * ldc, c70, c71, c72, add);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Row(float* to, Vector512<float> x, Vector512<float> y, Vector512<float> z, bool add)
        {
            if (add)
            {
                x += Vector512.Load(to);
                y += Vector512.Load(to + 16);
                z += Vector512.Load(to + 32);
            }

            x.Store(to);
            y.Store(to + 16);
            z.Store(to + 32);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile6x16(float* c, nint ldc, float* a, float* b, int K, bool add)
    {
        Vector256<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default,
            c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        for (var k = 0; k < K; k++, a += 6, b += 16)
        {
            Vector256<float> b0 = Vector256.Load(b), b1 = Vector256.Load(b + 8);
            var x = Vector256.Create(a[0]);
            c00 = Fma(x, b0, c00);
            c01 = Fma(x, b1, c01);
            x = Vector256.Create(a[1]);
            c10 = Fma(x, b0, c10);
            c11 = Fma(x, b1, c11);
            x = Vector256.Create(a[2]);
            c20 = Fma(x, b0, c20);
            c21 = Fma(x, b1, c21);
            x = Vector256.Create(a[3]);
            c30 = Fma(x, b0, c30);
            c31 = Fma(x, b1, c31);
            x = Vector256.Create(a[4]);
            c40 = Fma(x, b0, c40);
            c41 = Fma(x, b1, c41);
            x = Vector256.Create(a[5]);
            c50 = Fma(x, b0, c50);
            c51 = Fma(x, b1, c51);
        }

        Row(c, c00, c01, add);
        Row(c + ldc, c10, c11, add);
        Row(c + 2 * ldc, c20, c21, add);
        Row(c + 3 * ldc, c30, c31, add);
        Row(c + 4 * ldc, c40, c41, add);
        Row(c + 5 * ldc, c50, c51, add);

        // Without an FMA instruction the portable call goes lane by lane through the C library: two roundings instead.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector256<float> Fma(Vector256<float> x, Vector256<float> y, Vector256<float> z) =>
            Vector256.IsHardwareAccelerated ? Vector256.FusedMultiplyAdd(x, y, z) : x * y + z;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Row(float* to, Vector256<float> x, Vector256<float> y, bool add)
        {
            if (add)
            {
                x += Vector256.Load(to);
                y += Vector256.Load(to + 8);
            }

            x.Store(to);
            y.Store(to + 8);
        }
    }
}
