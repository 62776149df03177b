using System.Runtime.Intrinsics;
using static Wisp.Compute.Simd;

namespace Wisp.Compute;

/// <summary>
/// Negative log-likelihood of softmax rows: loss[n] = log Σᵥ exp(logits[n, v]) − logits[n, target[n]], in nats.
/// </summary>
/// <remarks>
/// Shapes: logits is (R, V), targets and losses are (R); a target of −1 is ignored: its loss and its gradient are zero.
/// Gradient: dlogits = (softmax(logits) − onehot(target))·scale. The row's maximum is taken off before exp, so rows
/// shifted by hundreds are as good as others. A row goes through the cache three times: maximum, exponentials, scale.
/// </remarks>
public static unsafe class CrossEntropy
{
    /// <summary>The target of a row that counts nothing.</summary>
    public const int Ignored = -1;

    /// <summary>Writes the losses and leaves the logits as they are.</summary>
    public static void Loss(
        WorkerPool pool, Span<float> losses, ReadOnlySpan<float> logits, ReadOnlySpan<int> targets, int V)
    {
        Validate(losses.Length, logits.Length, targets, V);
        fixed (float* px = logits)
            Run(pool, losses, px, targets, V, 0f, &LossTask);
    }

    /// <summary>Writes the losses and turns the logits into their gradient.</summary>
    public static void LossAndGradient(
        WorkerPool pool, Span<float> losses, Span<float> logits, ReadOnlySpan<int> targets, int V, float scale)
    {
        Validate(losses.Length, logits.Length, targets, V);
        fixed (float* px = logits)
            Run(pool, losses, px, targets, V, scale, &GradientTask);
    }

    private static void Run(
        WorkerPool pool, Span<float> losses, float* logits, ReadOnlySpan<int> targets, int V, float scale,
        delegate*<void*, int, int, void> body)
    {
        fixed (float* pl = losses)
        fixed (int* pt = targets)
        {
            var rowsPerTask = Partition.Rows(V);
            var job = new Job(pl, logits, pt, targets.Length, V, rowsPerTask, scale);
            pool.Run(body, &job, Partition.Tasks(targets.Length, rowsPerTask));
        }
    }

    private static void Validate(int lossLength, int logitLength, ReadOnlySpan<int> targets, int V)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(V);
        ArgumentOutOfRangeException.ThrowIfNotEqual(lossLength, targets.Length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(logitLength, (long)targets.Length * V);
        foreach (var target in targets)
            if (target < Ignored || target >= V)
                throw new ArgumentOutOfRangeException(
                    nameof(targets), target, $"A target is 0 to {V - 1}, or {Ignored} to ignore the row.");
    }

    private readonly struct Job(
        float* losses, float* logits, int* targets, int rows, int v, int rowsPerTask, float scale)
    {
        public readonly float* Losses = losses, Logits = logits;
        public readonly int* Targets = targets;
        public readonly int Rows = rows, V = v, RowsPerTask = rowsPerTask;
        public readonly float Scale = scale;
    }

    private static void LossTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        var (from, end) = Partition.Range(task, job.RowsPerTask, job.Rows);
        for (var n = from; n < end; n++)
        {
            job.Losses[n] = 0f;
            if (job.Targets[n] == Ignored)
                continue;
            var x = job.Logits + (nint)n * job.V;
            var max = RowMax(x, job.V);
            job.Losses[n] = Nll(SumOfExp(null, x, job.V, max), max, x[job.Targets[n]]);
        }
    }

    private static void GradientTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        var (from, end) = Partition.Range(task, job.RowsPerTask, job.Rows);
        for (var n = from; n < end; n++)
        {
            var x = job.Logits + (nint)n * job.V;
            var target = job.Targets[n];
            if (target == Ignored)
            {
                job.Losses[n] = 0f;
                new Span<float>(x, job.V).Clear();
                continue;
            }

            var max = RowMax(x, job.V);
            var logit = x[target];
            var sum = SumOfExp(x, x, job.V, max);
            job.Losses[n] = Nll(sum, max, logit);
            ScaleRow(x, job.V, job.Scale / sum);
            x[target] -= job.Scale;
        }
    }

    // In float64, where the difference of two large logits and a small logarithm both keep their digits.
    private static float Nll(float sum, float max, float logit) => (float)(Math.Log(sum) + ((double)max - logit));

    private static float RowMax(float* x, int V)
    {
        Vector512<float> m0 = Vector512.Create(float.NegativeInfinity), m1 = m0;
        var i = 0;
        for (; i <= V - 2 * W; i += 2 * W)
        {
            m0 = Vector512.MaxNative(m0, Vector512.Load(x + i));
            m1 = Vector512.MaxNative(m1, Vector512.Load(x + i + W));
        }

        var max = Max(Vector512.MaxNative(m0, m1));
        for (; i < V; i++)
            max = MathF.Max(max, x[i]);
        return max;
    }

    // Σ exp(x − max), and the terms into e unless it is null.
    private static float SumOfExp(float* e, float* x, int V, float max)
    {
        var vmax = Vector512.Create(max);
        Vector512<float> s0 = default, s1 = default;
        var i = 0;
        for (; i <= V - 2 * W; i += 2 * W)
        {
            var e0 = FastMath.Exp(Vector512.Load(x + i) - vmax);
            var e1 = FastMath.Exp(Vector512.Load(x + i + W) - vmax);
            s0 += e0;
            s1 += e1;
            if (e != null)
            {
                e0.Store(e + i);
                e1.Store(e + i + W);
            }
        }

        var sum = Sum(s0 + s1);
        for (; i < V; i += W)
        {
            var count = Math.Min(W, V - i);
            var tail = FastMath.Exp(LoadFirst(x + i, count) - vmax);
            for (var k = 0; k < count; k++)
                sum += tail[k];
            if (e != null)
                StoreFirst(e + i, count, tail);
        }

        return sum;
    }
}
