using System.Runtime.Intrinsics;
using static Wisp.Compute.Simd;

namespace Wisp.Compute;

/// <summary>
/// y = g ⊙ (x − mean(x))/√(var(x) + ε) + b, the variance over the row itself. Ba, Kiros and Hinton 2016, "Layer
/// Normalization", arXiv:1607.06450, eq. 3.
/// </summary>
/// <remarks>
/// Shapes: x, y are (N, C); g holds one row of C gains for all rows, or G of them that rows n use in turn, n mod G:
/// heads
/// with gains of their own; b is empty or like g.
/// </remarks>
public static unsafe class LayerNorm
{
    /// <summary>y may be x.</summary>
    public static void Forward(
        WorkerPool pool, Span<float> y, ReadOnlySpan<float> x, ReadOnlySpan<float> g, ReadOnlySpan<float> b, int width,
        float eps)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNotEqual(x.Length % width, 0);
        ArgumentOutOfRangeException.ThrowIfNotEqual(y.Length, x.Length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(g.Length % width, 0);
        ArgumentOutOfRangeException.ThrowIfZero(g.Length);
        if (!b.IsEmpty)
            ArgumentOutOfRangeException.ThrowIfNotEqual(b.Length, g.Length);
        fixed (float* py = y, px = x, pg = g, pb = b)
        {
            var rowsPerTask = Partition.Rows(width);
            var job = new Job
            {
                Y = py, X = px, G = pg, B = b.IsEmpty ? null : pb, Rows = x.Length / width, Width = width,
                Gains = g.Length / width, RowsPerTask = rowsPerTask, Eps = eps,
            };
            pool.Run(&Task, &job, Partition.Tasks(job.Rows, rowsPerTask));
        }
    }

    private struct Job
    {
        public float* Y, X, G, B;
        public int Rows, Width, Gains, RowsPerTask;
        public float Eps;
    }

    private static void Task(void* argument, int task, int worker)
    {
        ref readonly var job = ref *(Job*)argument;
        var (from, end) = Partition.Range(task, job.RowsPerTask, job.Rows);
        for (var n = from; n < end; n++)
        {
            var gain = (nint)(n % job.Gains) * job.Width;
            Row(job.Y + ((nint)n * job.Width), job.X + ((nint)n * job.Width), job.G + gain,
                job.B == null ? null : job.B + gain, job.Width, job.Eps);
        }
    }

    private static void Row(float* y, float* x, float* g, float* b, int width, float eps)
    {
        // The mean goes first and the squares are of what is left: E[x²] − E[x]² would cancel.
        var sum = Vector512<float>.Zero;
        var i = 0;
        for (; i <= width - W; i += W)
            sum += Vector512.Load(x + i);
        if (i < width)
            sum += LoadFirst(x + i, width - i);
        var mean = Sum(sum) / width;

        var centre = Vector512.Create(mean);
        var squares = Vector512<float>.Zero;
        for (i = 0; i <= width - W; i += W)
        {
            var d = Vector512.Load(x + i) - centre;
            squares = Fma(d, d, squares);
        }

        var variance = Sum(squares);
        for (; i < width; i++)
            variance += (x[i] - mean) * (x[i] - mean);
        var scale = 1f / MathF.Sqrt((variance / width) + eps);

        var vscale = Vector512.Create(scale);
        for (i = 0; i <= width - W; i += W)
        {
            var normed = (Vector512.Load(x + i) - centre) * vscale * Vector512.Load(g + i);
            (b == null ? normed : normed + Vector512.Load(b + i)).Store(y + i);
        }

        for (; i < width; i++)
            y[i] = ((x[i] - mean) * scale * g[i]) + (b == null ? 0f : b[i]);
    }
}
