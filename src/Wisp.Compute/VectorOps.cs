using System.Runtime.Intrinsics;
using static Wisp.Compute.Simd;

namespace Wisp.Compute;

/// <summary>The plain vector operations between kernels: all at the speed of memory.</summary>
public static unsafe class VectorOps
{
    /// <summary>y += x</summary>
    public static void Add(WorkerPool pool, Span<float> y, ReadOnlySpan<float> x)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(x.Length, y.Length);
        Run(pool, y, x, 0f, &AddTask);
    }

    /// <summary>y += a·x</summary>
    public static void Axpy(WorkerPool pool, Span<float> y, ReadOnlySpan<float> x, float a)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(x.Length, y.Length);
        Run(pool, y, x, a, &AxpyTask);
    }

    /// <summary>y = x; the two do not overlap.</summary>
    public static void Copy(WorkerPool pool, Span<float> y, ReadOnlySpan<float> x)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(x.Length, y.Length);
        Run(pool, y, x, 0f, &CopyTask);
    }

    /// <summary>y ·= a</summary>
    public static void Scale(WorkerPool pool, Span<float> y, float a) => Run(pool, y, default, a, &ScaleTask);

    /// <summary>y = a everywhere.</summary>
    public static void Fill(WorkerPool pool, Span<float> y, float a) => Run(pool, y, default, a, &FillTask);

    /// <summary>y = 0</summary>
    public static void Clear(WorkerPool pool, Span<float> y) => Fill(pool, y, 0f);

    /// <summary>Σ x², in float64 from the squares on: a norm over 10⁹ parameters keeps its digits.</summary>
    public static double SumOfSquares(WorkerPool pool, ReadOnlySpan<float> x)
    {
        var floatsPerTask = Partition.RowsOfReduction(x.Length, 1);
        var tasks = Partition.Tasks(x.Length, floatsPerTask);
        var partials = (double*)pool.Scratch(2 * tasks);
        fixed (float* px = x)
        {
            var job = new Job((float*)partials, px, x.Length, floatsPerTask, 0f);
            pool.Run(&SumOfSquaresTask, &job, tasks);
        }

        var sum = 0.0;
        for (var t = 0; t < tasks; t++)
            sum += partials[t];
        return sum;
    }

    private static void Run(
        WorkerPool pool, Span<float> y, ReadOnlySpan<float> x, float a, delegate*<void*, int, int, void> body)
    {
        fixed (float* py = y, px = x)
        {
            var floatsPerTask = Partition.Rows(1);
            var job = new Job(py, px, y.Length, floatsPerTask, a);
            pool.Run(body, &job, Partition.Tasks(y.Length, floatsPerTask));
        }
    }

    private readonly struct Job(float* y, float* x, int length, int floatsPerTask, float a)
    {
        public readonly float* Y = y, X = x;
        public readonly float A = a;

        public int From(int task) => task * floatsPerTask;

        public int Count(int task) => Math.Min(floatsPerTask, length - From(task));
    }

    private static void AddTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        AddRow(job.Y + job.From(task), job.X + job.From(task), job.Count(task));
    }

    private static void AxpyTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        float* y = job.Y + job.From(task), x = job.X + job.From(task);
        var n = job.Count(task);
        var a = Vector512.Create(job.A);
        var i = 0;
        for (; i <= n - W; i += W)
            Fma(a, Vector512.Load(x + i), Vector512.Load(y + i)).Store(y + i);
        if (i < n)
            StoreFirst(y + i, n - i, Fma(a, LoadFirst(x + i, n - i), LoadFirst(y + i, n - i)));
    }

    private static void CopyTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        var from = job.From(task);
        new ReadOnlySpan<float>(job.X + from, job.Count(task)).CopyTo(new Span<float>(job.Y + from, job.Count(task)));
    }

    private static void ScaleTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        ScaleRow(job.Y + job.From(task), job.Count(task), job.A);
    }

    private static void FillTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        new Span<float>(job.Y + job.From(task), job.Count(task)).Fill(job.A);
    }

    private static void SumOfSquaresTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        var x = job.X + job.From(task);
        var n = job.Count(task);
        Vector512<double> s0 = default, s1 = default;
        var i = 0;
        for (; i <= n - W; i += W)
        {
            var (low, high) = Vector512.Widen(Vector512.Load(x + i));
            s0 = Vector512.FusedMultiplyAdd(low, low, s0);
            s1 = Vector512.FusedMultiplyAdd(high, high, s1);
        }

        var sum = Sum(s0 + s1);
        for (; i < n; i++)
            sum += (double)x[i] * x[i];
        ((double*)job.Y)[task] = sum;
    }
}
