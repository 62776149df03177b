using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// y = or += x·Wᵀ + b for stored weights of any type, with activations in float32: rows of W are decoded to float32 on
/// their way to the arithmetic, so the result is that of the weights as stored and of nothing else.
/// </summary>
/// <remarks>
/// Shapes: x is (N, C) without gaps; W is (R, C); b is (R) or empty; row n of the result starts at y[n·stride], so that
/// several products may write side by side.
/// Every result is one sum over C in an order that depends on C alone: a row comes out with the same bits whatever
/// other rows are computed with it, and on any number of threads.
/// </remarks>
public static unsafe class Linear
{
    // 4 rows of W by 4 of x are 16 sums, enough to hide the latency of the FMA, from 8 loads.
    private const int RowsAtOnce = 4, InputsAtOnce = 4;

    // Columns of W decoded at a time. The four rows and the four of x that meet them, 32 KB, stay in the L1 cache;
    // a whole number of blocks of every type.
    private const int ColumnsAtOnce = 1024;

    // Bytes of stored weights a task reads: some microseconds of work.
    private const int BytesPerTask = 64 * 1024;

    public static void Multiply(
        WorkerPool pool, Span<float> y, int stride, ReadOnlySpan<float> x, WeightMatrix w,
        ReadOnlySpan<float> bias = default, bool accumulate = false)
    {
        int C = w.Columns, R = w.Rows;
        ArgumentOutOfRangeException.ThrowIfNotEqual(x.Length % C, 0);
        var n = x.Length / C;
        if (n == 0)
            return;
        if (stride < R || y.Length < ((long)(n - 1) * stride) + R)
            throw new ArgumentException($"({n}, {R}) results with a stride of {stride} do not fit {y.Length} floats.");
        if (!bias.IsEmpty && bias.Length != R)
            throw new ArgumentException($"A bias of {bias.Length} does not fit {R} rows.");

        var rowsPerTask = Math.Max(1, (int)(BytesPerTask / Math.Max(1, w.RowBytes * Math.Min(n, 8) / 4)));
        rowsPerTask = (rowsPerTask + RowsAtOnce - 1) / RowsAtOnce * RowsAtOnce;
        fixed (float* py = y, px = x, pb = bias)
        {
            var job = new Job
            {
                Y = py, X = px, Bias = bias.IsEmpty ? null : pb, W = w.Data, RowBytes = w.RowBytes, Type = w.Type,
                N = n, Rows = R, Columns = C, Stride = stride, RowsPerTask = rowsPerTask, Accumulate = accumulate,
                Scratch = w.Type == DType.F32 ? null : pool.WorkerScratch(RowsAtOnce * ColumnsAtOnce),
            };
            pool.Run(&Task, &job, Partition.Tasks(R, rowsPerTask));
        }
    }

    private struct Job
    {
        public float* Y, X, Bias;
        public byte* W;
        public long RowBytes;
        public DType Type;
        public int N, Rows, Columns, Stride, RowsPerTask;
        public bool Accumulate;
        public float** Scratch;
    }

    private static void Task(void* argument, int task, int worker)
    {
        ref readonly var job = ref *(Job*)argument;
        var (from, end) = Partition.Range(task, job.RowsPerTask, job.Rows);
        for (var row = from; row < end; row += RowsAtOnce)
            Group(job, row, Math.Min(RowsAtOnce, end - row), job.Scratch == null ? null : job.Scratch[worker]);
    }

    // Up to four rows of W against all of x.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Group(in Job job, int row, int rows, float* scratch)
    {
        var y = stackalloc float[InputsAtOnce * RowsAtOnce];
        for (var at = 0; at < job.Columns; at += ColumnsAtOnce)
        {
            var columns = Math.Min(ColumnsAtOnce, job.Columns - at);
            float* w;
            nint rowStride;
            if (scratch == null)
            {
                w = (float*)(job.W + (row * job.RowBytes)) + at;
                rowStride = job.Columns;
            }
            else
            {
                Decode(job, row, rows, at, columns, scratch);
                w = scratch;
                rowStride = columns;
            }

            for (var n = 0; n < job.N; n += InputsAtOnce)
            {
                var inputs = Math.Min(InputsAtOnce, job.N - n);
                var x = job.X + ((nint)n * job.Columns) + at;
                if (rows < RowsAtOnce)
                    Edge(y, w, rowStride, rows, x, job.Columns, inputs, columns);
                else if (!Vector512.IsHardwareAccelerated)
                    Squares(y, w, rowStride, x, job.Columns, inputs, columns);
                else if (inputs == InputsAtOnce)
                    Tile(y, w, rowStride, x, job.Columns, columns);
                else
                    Edge(y, w, rowStride, rows, x, job.Columns, inputs, columns);
                for (var i = 0; i < inputs; i++)
                {
                    for (var r = 0; r < rows; r++)
                    {
                        ref var to = ref job.Y[((nint)(n + i) * job.Stride) + row + r];
                        var sum = y[(i * RowsAtOnce) + r];
                        if (at > 0)
                            to += sum;
                        else
                            to = (job.Accumulate ? to : 0f) + (job.Bias == null ? 0f : job.Bias[row + r]) + sum;
                    }
                }
            }
        }
    }

    private static void Decode(in Job job, int row, int rows, int at, int columns, float* to)
    {
        var before = job.Type.BytesOf(at);
        var bytes = (int)job.Type.BytesOf(columns);
        for (var r = 0; r < rows; r++)
            Blocks.Decode(
                new Span<float>(to + ((nint)r * columns), columns),
                new ReadOnlySpan<byte>(job.W + ((row + r) * job.RowBytes) + before, bytes), job.Type);
    }

    // 4 x 4: every sum is one chain over the columns in steps of a vector, as in Edge.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile(float* y, float* w, nint wStride, float* x, nint xStride, int columns)
    {
        float* w0 = w, w1 = w + wStride, w2 = w1 + wStride, w3 = w2 + wStride;
        float* x0 = x, x1 = x + xStride, x2 = x1 + xStride, x3 = x2 + xStride;
        Vector512<float> s00 = default, s01 = default, s02 = default, s03 = default;
        Vector512<float> s10 = default, s11 = default, s12 = default, s13 = default;
        Vector512<float> s20 = default, s21 = default, s22 = default, s23 = default;
        Vector512<float> s30 = default, s31 = default, s32 = default, s33 = default;
        var c = 0;
        for (; c <= columns - Simd.W; c += Simd.W)
        {
            Vector512<float> a = Vector512.Load(w0 + c), b = Vector512.Load(w1 + c), d = Vector512.Load(w2 + c),
                e = Vector512.Load(w3 + c);
            var v = Vector512.Load(x0 + c);
            s00 = Simd.Fma(a, v, s00);
            s01 = Simd.Fma(b, v, s01);
            s02 = Simd.Fma(d, v, s02);
            s03 = Simd.Fma(e, v, s03);
            v = Vector512.Load(x1 + c);
            s10 = Simd.Fma(a, v, s10);
            s11 = Simd.Fma(b, v, s11);
            s12 = Simd.Fma(d, v, s12);
            s13 = Simd.Fma(e, v, s13);
            v = Vector512.Load(x2 + c);
            s20 = Simd.Fma(a, v, s20);
            s21 = Simd.Fma(b, v, s21);
            s22 = Simd.Fma(d, v, s22);
            s23 = Simd.Fma(e, v, s23);
            v = Vector512.Load(x3 + c);
            s30 = Simd.Fma(a, v, s30);
            s31 = Simd.Fma(b, v, s31);
            s32 = Simd.Fma(d, v, s32);
            s33 = Simd.Fma(e, v, s33);
        }

        Four(y, Finish(s00, w0, x0, c, columns), Finish(s01, w1, x0, c, columns), Finish(s02, w2, x0, c, columns),
            Finish(s03, w3, x0, c, columns));
        Four(y + 4, Finish(s10, w0, x1, c, columns), Finish(s11, w1, x1, c, columns),
            Finish(s12, w2, x1, c, columns), Finish(s13, w3, x1, c, columns));
        Four(y + 8, Finish(s20, w0, x2, c, columns), Finish(s21, w1, x2, c, columns),
            Finish(s22, w2, x2, c, columns), Finish(s23, w3, x2, c, columns));
        Four(y + 12, Finish(s30, w0, x3, c, columns), Finish(s31, w1, x3, c, columns),
            Finish(s32, w2, x3, c, columns), Finish(s33, w3, x3, c, columns));
    }

    // Four rows by up to four inputs where a sum is two registers, and there are 16: four sums at a time.
    private static void Squares(
        float* y, float* w, nint wStride, float* x, nint xStride, int inputs, int columns)
    {
        var sums = stackalloc float[4 * Simd.W];
        var c = columns / Simd.W * Simd.W;
        for (var i = 0; i < inputs; i += 2, x += 2 * xStride, y += 2 * RowsAtOnce)
        {
            if (i + 1 == inputs)
            {
                Column(sums, w, wStride, x, c);
                for (var r = 0; r < RowsAtOnce; r++)
                    y[r] = Finish(Vector512.Load(sums + (r * Simd.W)), w + (r * wStride), x, c, columns);
                return;
            }

            for (var r = 0; r < RowsAtOnce; r += 2)
            {
                Square(sums, w + (r * wStride), wStride, x, xStride, c);
                for (var k = 0; k < 4; k++)
                    y[(k / 2 * RowsAtOnce) + r + (k % 2)] = Finish(Vector512.Load(sums + (k * Simd.W)),
                        w + ((r + (k % 2)) * wStride), x + (k / 2 * xStride), c, columns);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Square(float* sums, float* w0, nint wStride, float* x0, nint xStride, int columns)
    {
        float* w1 = w0 + wStride, x1 = x0 + xStride;
        Vector256<float> s00 = default, t00 = default, s01 = default, t01 = default, s10 = default, t10 = default,
            s11 = default, t11 = default;
        for (var c = 0; c < columns; c += Simd.W)
        {
            Vector256<float> a = Vector256.Load(x0 + c), b = Vector256.Load(x1 + c), v = Vector256.Load(w0 + c);
            s00 = Vector256.FusedMultiplyAdd(a, v, s00);
            s10 = Vector256.FusedMultiplyAdd(b, v, s10);
            v = Vector256.Load(w1 + c);
            s01 = Vector256.FusedMultiplyAdd(a, v, s01);
            s11 = Vector256.FusedMultiplyAdd(b, v, s11);
            (a, b, v) = (Vector256.Load(x0 + c + 8), Vector256.Load(x1 + c + 8), Vector256.Load(w0 + c + 8));
            t00 = Vector256.FusedMultiplyAdd(a, v, t00);
            t10 = Vector256.FusedMultiplyAdd(b, v, t10);
            v = Vector256.Load(w1 + c + 8);
            t01 = Vector256.FusedMultiplyAdd(a, v, t01);
            t11 = Vector256.FusedMultiplyAdd(b, v, t11);
        }

        Store(sums, s00, t00);
        Store(sums + Simd.W, s01, t01);
        Store(sums + (2 * Simd.W), s10, t10);
        Store(sums + (3 * Simd.W), s11, t11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Column(float* sums, float* w0, nint wStride, float* x, int columns)
    {
        float* w1 = w0 + wStride, w2 = w1 + wStride, w3 = w2 + wStride;
        Vector256<float> s0 = default, t0 = default, s1 = default, t1 = default, s2 = default, t2 = default,
            s3 = default, t3 = default;
        for (var c = 0; c < columns; c += Simd.W)
        {
            Vector256<float> a = Vector256.Load(x + c), b = Vector256.Load(x + c + 8);
            s0 = Vector256.FusedMultiplyAdd(a, Vector256.Load(w0 + c), s0);
            t0 = Vector256.FusedMultiplyAdd(b, Vector256.Load(w0 + c + 8), t0);
            s1 = Vector256.FusedMultiplyAdd(a, Vector256.Load(w1 + c), s1);
            t1 = Vector256.FusedMultiplyAdd(b, Vector256.Load(w1 + c + 8), t1);
            s2 = Vector256.FusedMultiplyAdd(a, Vector256.Load(w2 + c), s2);
            t2 = Vector256.FusedMultiplyAdd(b, Vector256.Load(w2 + c + 8), t2);
            s3 = Vector256.FusedMultiplyAdd(a, Vector256.Load(w3 + c), s3);
            t3 = Vector256.FusedMultiplyAdd(b, Vector256.Load(w3 + c + 8), t3);
        }

        Store(sums, s0, t0);
        Store(sums + Simd.W, s1, t1);
        Store(sums + (2 * Simd.W), s2, t2);
        Store(sums + (3 * Simd.W), s3, t3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* to, Vector256<float> low, Vector256<float> high)
    {
        low.Store(to);
        high.Store(to + 8);
    }

    private static void Four(float* y, float a, float b, float c, float d) =>
        (y[0], y[1], y[2], y[3]) = (a, b, c, d);

    // Fewer than four rows, or with 512 bits fewer than four inputs; four rows by one is what decoding a token does.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Edge(
        float* y, float* w, nint wStride, int rows, float* x, nint xStride, int inputs, int columns)
    {
        for (var i = 0; i < inputs; i++, x += xStride)
        {
            if (rows < RowsAtOnce)
            {
                for (var r = 0; r < rows; r++)
                    y[(i * RowsAtOnce) + r] = Chain(w + (r * wStride), x, columns);
                continue;
            }

            float* w1 = w + wStride, w2 = w1 + wStride, w3 = w2 + wStride;
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
            var c = 0;
            for (; c <= columns - Simd.W; c += Simd.W)
            {
                var v = Vector512.Load(x + c);
                s0 = Simd.Fma(Vector512.Load(w + c), v, s0);
                s1 = Simd.Fma(Vector512.Load(w1 + c), v, s1);
                s2 = Simd.Fma(Vector512.Load(w2 + c), v, s2);
                s3 = Simd.Fma(Vector512.Load(w3 + c), v, s3);
            }

            Four(y + (i * RowsAtOnce), Finish(s0, w, x, c, columns), Finish(s1, w1, x, c, columns),
                Finish(s2, w2, x, c, columns), Finish(s3, w3, x, c, columns));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Chain(float* w, float* x, int columns)
    {
        var s = Vector512<float>.Zero;
        var c = 0;
        for (; c <= columns - Simd.W; c += Simd.W)
            s = Simd.Fma(Vector512.Load(w + c), Vector512.Load(x + c), s);
        return Finish(s, w, x, c, columns);
    }

    // The columns that fill no vector, then the sum of the lanes.
    private static float Finish(Vector512<float> s, float* w, float* x, int c, int columns)
    {
        if (c < columns)
            s = Simd.Fma(Simd.LoadFirst(w + c, columns - c), Simd.LoadFirst(x + c, columns - c), s);
        return Simd.Sum(s);
    }
}
