using System.Runtime.Intrinsics;
using static Wisp.Compute.Simd;

namespace Wisp.Compute;

/// <summary>
/// Root-mean-square norm: y = g ⊙ x·r with r = 1/√(mean(x²) + ε).
/// Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", arXiv:1910.07467, eq. 4.
/// </summary>
/// <remarks>
/// Shapes: x, y, dx, dy are (N, C); g, dg are (C); r is (N). QK-norm is the same function: (N, H·D) read as rows of D.
/// Backward, with s = Σⱼ gⱼ·dyⱼ·xⱼ per row:  dg += dy ⊙ x·r  and  dx = r·(g ⊙ dy − x·(r²·s/C)).
/// </remarks>
public static unsafe class RmsNorm
{
    /// <summary>Writes y, and r for the backward pass: recomputing it would read x a second time. y may be x.</summary>
    public static void Forward(
        WorkerPool pool, Span<float> y, Span<float> r, ReadOnlySpan<float> x, ReadOnlySpan<float> g,
        int width, float eps)
    {
        var N = Rows(x.Length, width, g.Length, r.Length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(y.Length, x.Length);
        fixed (float* py = y, pr = r, px = x, pg = g)
        {
            var rowsPerTask = Partition.Rows(width);
            var job = new ForwardJob(py, pr, px, pg, N, width, rowsPerTask, eps);
            pool.Run(&ForwardTask, &job, Partition.Tasks(N, rowsPerTask));
        }
    }

    /// <summary>
    /// Adds into dg; adds into dx too when <paramref name="accumulate"/>, because the residual stream has two consumers
    /// of the same x, and otherwise assigns it: dx may then be dy.
    /// </summary>
    public static void Backward(
        WorkerPool pool, Span<float> dx, Span<float> dg, ReadOnlySpan<float> dy, ReadOnlySpan<float> x,
        ReadOnlySpan<float> g, ReadOnlySpan<float> r, int width, bool accumulate)
    {
        var N = Rows(x.Length, width, g.Length, r.Length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(dx.Length, x.Length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(dy.Length, x.Length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(dg.Length, width);
        var rowsPerTask = Partition.RowsOfReduction(N, width);
        var tasks = Partition.Tasks(N, rowsPerTask);
        var partials = pool.Scratch(checked(tasks * width));
        fixed (float* pdx = dx, pdg = dg, pdy = dy, px = x, pg = g, pr = r)
        {
            var job = new BackwardJob(pdx, partials, pdy, px, pg, pr, N, width, rowsPerTask, accumulate);
            pool.Run(&BackwardTask, &job, tasks);
            for (var t = 0; t < tasks; t++)
                AddRow(pdg, partials + (nint)t * width, width);
        }
    }

    private static int Rows(int xLength, int width, int gainLength, int rLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNotEqual(gainLength, width);
        ArgumentOutOfRangeException.ThrowIfNotEqual(xLength % width, 0);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rLength, xLength / width);
        return rLength;
    }

    private readonly struct ForwardJob(
        float* y, float* r, float* x, float* g, int rows, int width, int rowsPerTask, float eps)
    {
        public readonly float* Y = y, R = r, X = x, G = g;
        public readonly int Rows = rows, Width = width, RowsPerTask = rowsPerTask;
        public readonly float Eps = eps;
    }

    private static void ForwardTask(void* argument, int task, int worker)
    {
        var job = *(ForwardJob*)argument;
        var (from, end) = Partition.Range(task, job.RowsPerTask, job.Rows);
        for (var n = from; n < end; n++)
        {
            var offset = (nint)n * job.Width;
            var meanSquare = Dot(job.X + offset, job.X + offset, job.Width) / job.Width;
            var r = 1f / MathF.Sqrt(meanSquare + job.Eps);
            job.R[n] = r;
            ScaleByGain(job.Y + offset, job.X + offset, job.G, job.Width, r);
        }
    }

    private static void ScaleByGain(float* y, float* x, float* g, int width, float r)
    {
        var vr = Vector512.Create(r);
        var i = 0;
        for (; i <= width - W; i += W)
            (Vector512.Load(x + i) * vr * Vector512.Load(g + i)).Store(y + i);
        if (i < width)
            StoreFirst(y + i, width - i, LoadFirst(x + i, width - i) * vr * LoadFirst(g + i, width - i));
    }

    private readonly struct BackwardJob(
        float* dx, float* dg, float* dy, float* x, float* g, float* r, int rows, int width, int rowsPerTask, bool add)
    {
        public readonly float* Dx = dx, Dg = dg, Dy = dy, X = x, G = g, R = r; // Dg: one row of partial sums a task
        public readonly int Rows = rows, Width = width, RowsPerTask = rowsPerTask;
        public readonly bool Add = add;
    }

    private static void BackwardTask(void* argument, int task, int worker)
    {
        var job = *(BackwardJob*)argument;
        var dg = job.Dg + (nint)task * job.Width;
        new Span<float>(dg, job.Width).Clear();
        var (from, end) = Partition.Range(task, job.RowsPerTask, job.Rows);
        for (var n = from; n < end; n++)
        {
            var offset = (nint)n * job.Width;
            float* dx = job.Dx + offset, dy = job.Dy + offset, x = job.X + offset;
            var r = job.R[n];
            var s = GainedDot(dg, dy, x, job.G, job.Width, r);
            BackwardRow(dx, dy, x, job.G, job.Width, r, r * r * s / job.Width, job.Add);
        }
    }

    // dg += dy ⊙ x·r, and returns Σ g·dy·x, from one reading of dy and x.
    private static float GainedDot(float* dg, float* dy, float* x, float* g, int width, float r)
    {
        var vr = Vector512.Create(r);
        Vector512<float> s0 = default, s1 = default;
        var i = 0;
        for (; i <= width - 2 * W; i += 2 * W)
        {
            var p0 = Vector512.Load(dy + i) * Vector512.Load(x + i);
            var p1 = Vector512.Load(dy + i + W) * Vector512.Load(x + i + W);
            Fma(p0, vr, Vector512.Load(dg + i)).Store(dg + i);
            Fma(p1, vr, Vector512.Load(dg + i + W)).Store(dg + i + W);
            s0 = Fma(p0, Vector512.Load(g + i), s0);
            s1 = Fma(p1, Vector512.Load(g + i + W), s1);
        }

        for (; i <= width - W; i += W)
        {
            var p = Vector512.Load(dy + i) * Vector512.Load(x + i);
            Fma(p, vr, Vector512.Load(dg + i)).Store(dg + i);
            s0 = Fma(p, Vector512.Load(g + i), s0);
        }

        if (i < width)
        {
            var count = width - i;
            var p = LoadFirst(dy + i, count) * LoadFirst(x + i, count);
            StoreFirst(dg + i, count, Fma(p, vr, LoadFirst(dg + i, count)));
            s1 = Fma(p, LoadFirst(g + i, count), s1);
        }

        return Sum(s0 + s1);
    }

    private static void BackwardRow(float* dx, float* dy, float* x, float* g, int width, float r, float pull, bool add)
    {
        Vector512<float> vr = Vector512.Create(r), vp = Vector512.Create(-pull);
        var i = 0;
        for (; i <= width - W; i += W)
        {
            var d = Fma(Vector512.Load(x + i), vp, Vector512.Load(g + i) * Vector512.Load(dy + i));
            (add ? Fma(d, vr, Vector512.Load(dx + i)) : d * vr).Store(dx + i);
        }

        if (i < width)
        {
            var count = width - i;
            var d = Fma(LoadFirst(x + i, count), vp, LoadFirst(g + i, count) * LoadFirst(dy + i, count));
            StoreFirst(dx + i, count, add ? Fma(d, vr, LoadFirst(dx + i, count)) : d * vr);
        }
    }
}
