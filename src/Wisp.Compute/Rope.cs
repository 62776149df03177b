using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static Wisp.Compute.Simd;

namespace Wisp.Compute;

/// <summary>Which two elements of a head turn together: (2p, 2p+1) in Norm, (p, p + D/2) in Neox.</summary>
public enum RopeLayout
{
    Norm,
    Neox,
}

/// <summary>
/// Rotary position embedding: pair p of a head at position t is turned by the angle t·θ^(−2p/D).
/// Su et al. 2021, "RoFormer", arXiv:2104.09864, eq. 34.
/// </summary>
/// <remarks>
/// Shapes: x is (N, H, D), positions is (N). (a, b) → (a·cos − b·sin, a·sin + b·cos); the backward pass is the rotation
/// by the negative angle, because a rotation's transpose is its inverse.
/// </remarks>
public static unsafe class Rope
{
    /// <summary>Turns x in place.</summary>
    public static void Forward(
        WorkerPool pool, Span<float> x, ReadOnlySpan<int> positions, RopeTable table, int H, RopeLayout layout) =>
        Rotate(pool, x, positions, table, H, layout, 1f);

    /// <summary>Turns the gradient of the turned x into the gradient of x, in place.</summary>
    public static void Backward(
        WorkerPool pool, Span<float> dx, ReadOnlySpan<int> positions, RopeTable table, int H, RopeLayout layout) =>
        Rotate(pool, dx, positions, table, H, layout, -1f);

    private static void Rotate(
        WorkerPool pool, Span<float> x, ReadOnlySpan<int> positions, RopeTable table, int H, RopeLayout layout,
        float sign)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(H);
        var width = checked(H * table.D);
        ArgumentOutOfRangeException.ThrowIfNotEqual(x.Length, (long)positions.Length * width);
        foreach (var position in positions)
            if ((uint)position >= (uint)table.MaxPositions)
                throw new ArgumentOutOfRangeException(
                    nameof(positions), position, $"The table holds positions 0 to {table.MaxPositions - 1}.");

        fixed (float* px = x, cos = table.Cos, sin = table.Sin)
        fixed (int* pp = positions)
        {
            var rowsPerTask = Partition.Rows(width);
            var job = new Job(px, cos, sin, pp, positions.Length, H, table.D, rowsPerTask, sign);
            var tasks = Partition.Tasks(positions.Length, rowsPerTask);
            pool.Run(layout == RopeLayout.Norm ? &NormTask : &NeoxTask, &job, tasks);
        }
    }

    private readonly struct Job(
        float* x, float* cos, float* sin, int* positions, int rows, int h, int d, int rowsPerTask, float sign)
    {
        public readonly float* X = x, Cos = cos, Sin = sin;
        public readonly int* Positions = positions;
        public readonly int Rows = rows, H = h, D = d, RowsPerTask = rowsPerTask;
        public readonly float Sign = sign;
    }

    private static void NeoxTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        var half = job.D / 2;
        var vsign = Vector512.Create(job.Sign);
        var (from, end) = Partition.Range(task, job.RowsPerTask, job.Rows);
        for (var n = from; n < end; n++)
        {
            var row = job.X + (nint)n * job.H * job.D;
            float* cos = job.Cos + (nint)job.Positions[n] * half, sin = job.Sin + (nint)job.Positions[n] * half;
            var p = 0;
            for (; p <= half - W; p += W)
            {
                Vector512<float> c = Vector512.Load(cos + p), s = Vector512.Load(sin + p) * vsign;
                for (var h = 0; h < job.H; h++)
                {
                    float* first = row + (nint)h * job.D + p, second = first + half;
                    Vector512<float> a = Vector512.Load(first), b = Vector512.Load(second);
                    Fma(a, c, -(b * s)).Store(first);
                    Fma(a, s, b * c).Store(second);
                }
            }

            if (p < half)
            {
                var count = half - p;
                Vector512<float> c = LoadFirst(cos + p, count), s = LoadFirst(sin + p, count) * vsign;
                for (var h = 0; h < job.H; h++)
                {
                    float* first = row + (nint)h * job.D + p, second = first + half;
                    Vector512<float> a = LoadFirst(first, count), b = LoadFirst(second, count);
                    StoreFirst(first, count, Fma(a, c, -(b * s)));
                    StoreFirst(second, count, Fma(a, s, b * c));
                }
            }
        }
    }

    private static void NormTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        var half = job.D / 2;
        // −sin for the first of a pair, +sin for the second: x·cos + swapped(x)·(∓sin) is then the whole rotation.
        var signs = Vector512.Create(Vector128.Create(-job.Sign, job.Sign, -job.Sign, job.Sign));
        var (from, end) = Partition.Range(task, job.RowsPerTask, job.Rows);
        for (var n = from; n < end; n++)
        {
            var row = job.X + (nint)n * job.H * job.D;
            float* cos = job.Cos + (nint)job.Positions[n] * half, sin = job.Sin + (nint)job.Positions[n] * half;
            var i = 0;
            for (; i <= job.D - W; i += W)
            {
                var c = Twice(Vector256.Load(cos + i / 2));
                var s = Twice(Vector256.Load(sin + i / 2)) * signs;
                for (var h = 0; h < job.H; h++)
                {
                    var at = row + (nint)h * job.D + i;
                    var x = Vector512.Load(at);
                    Fma(x, c, SwapPairs(x) * s).Store(at);
                }
            }

            if (i < job.D)
            {
                var count = job.D - i;
                var c = Twice(LoadFirst(cos + i / 2, count / 2).GetLower());
                var s = Twice(LoadFirst(sin + i / 2, count / 2).GetLower()) * signs;
                for (var h = 0; h < job.H; h++)
                {
                    var at = row + (nint)h * job.D + i;
                    var x = LoadFirst(at, count);
                    StoreFirst(at, count, Fma(x, c, SwapPairs(x) * s));
                }
            }
        }
    }

    // Shifts of 64-bit lanes move floats within their pair; a shuffle has no fast form on every machine.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> SwapPairs(Vector512<float> x) =>
        ((x.AsUInt64() << 32) | (x.AsUInt64() >> 32)).AsSingle();

    // Every float two times: a b c ... becomes a a b b c c ...
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Twice(Vector256<float> x)
    {
        var (low, high) = Vector256.Widen(x.AsUInt32());
        var wide = Vector512.Create(low, high);
        return (wide | (wide << 32)).AsSingle();
    }
}
