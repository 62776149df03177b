using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// y = or += W·x for one vector: what decoding a token does with every matrix. Each weight is read once and used once,
/// so memory bandwidth binds, and nothing is packed.
/// </summary>
/// <remarks>Shapes: W is (rows, columns) row-major, x is (columns), y is (rows).</remarks>
public static unsafe class MatVec
{
    // Four rows share every load of x, and their four sums keep the FMA units busy for the four cycles an FMA takes.
    private const int RowsAtOnce = 4;

    public static void Multiply(
        WorkerPool pool, Span<float> y, ReadOnlySpan<float> w, ReadOnlySpan<float> x, int rows, int columns,
        bool accumulate)
    {
        if (y.Length < rows || x.Length < columns || w.Length < (long)rows * columns)
            throw new ArgumentException($"A ({rows}, {columns}) matrix does not fit the spans.");
        fixed (float* py = y, pw = w, px = x)
        {
            var rowsPerTask = (Partition.Rows(columns) + RowsAtOnce - 1) / RowsAtOnce * RowsAtOnce;
            var job = new Job
            {
                Y = py, W = pw, X = px, Rows = rows, Columns = columns, RowsPerTask = rowsPerTask,
                Accumulate = accumulate,
            };
            pool.Run(&Task, &job, Partition.Tasks(rows, rowsPerTask));
        }
    }

    private struct Job
    {
        public float* Y, W, X;
        public int Rows, Columns, RowsPerTask;
        public bool Accumulate;
    }

    private static void Task(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        var (from, end) = Partition.Range(task, job.RowsPerTask, job.Rows);
        var n = job.Columns;
        var row = from;
        for (; row + RowsAtOnce <= end; row += RowsAtOnce)
        {
            float* a = job.W + ((nint)row * n), b = a + n, c = b + n, d = c + n;
            Vector512<float> sa = default, sb = default, sc = default, sd = default;
            var i = 0;
            for (; i + 16 <= n; i += 16)
            {
                var x = Vector512.Load(job.X + i);
                sa = Simd.Fma(Vector512.Load(a + i), x, sa);
                sb = Simd.Fma(Vector512.Load(b + i), x, sb);
                sc = Simd.Fma(Vector512.Load(c + i), x, sc);
                sd = Simd.Fma(Vector512.Load(d + i), x, sd);
            }

            float ya = Simd.Sum(sa), yb = Simd.Sum(sb), yc = Simd.Sum(sc), yd = Simd.Sum(sd);
            for (; i < n; i++)
            {
                var x = job.X[i];
                ya += a[i] * x;
                yb += b[i] * x;
                yc += c[i] * x;
                yd += d[i] * x;
            }

            Store(job, row, ya);
            Store(job, row + 1, yb);
            Store(job, row + 2, yc);
            Store(job, row + 3, yd);
        }

        for (; row < end; row++)
            Store(job, row, Simd.Dot(job.W + ((nint)row * n), job.X, n));
    }

    private static void Store(in Job job, int row, float value) =>
        job.Y[row] = job.Accumulate ? job.Y[row] + value : value;
}
