using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static Wisp.Compute.Simd;

namespace Wisp.Compute;

/// <summary>The non-linearity of a feed-forward layer.</summary>
public enum Activation
{
    /// <summary>z·σ(z)</summary>
    Silu,

    /// <summary>z·(1 + tanh(√(2/π)·(z + 0.044715·z³)))/2. Hendrycks and Gimpel 2016, arXiv:1606.08415.</summary>
    Gelu,

    /// <summary>max(z, 0)². So et al. 2021, arXiv:2109.08668.</summary>
    ReluSquared,
}

/// <summary>The element-wise middle of a feed-forward layer, gated (f(gate) ⊙ up) or plain (f(up)).</summary>
/// <remarks>Shapes: h and up are (N, F); gated, the input is (N, 2F), a row being F gates and then F ups.</remarks>
public static unsafe class FeedForward
{
    public static void Gated(WorkerPool pool, Span<float> h, ReadOnlySpan<float> gateUp, int F, Activation activation)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(gateUp.Length, 2L * h.Length);
        Run(pool, h, gateUp, F, activation, gated: true);
    }

    /// <summary>h may be up.</summary>
    public static void Plain(WorkerPool pool, Span<float> h, ReadOnlySpan<float> up, int F, Activation activation)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(up.Length, h.Length);
        Run(pool, h, up, F, activation, gated: false);
    }

    private static void Run(
        WorkerPool pool, Span<float> h, ReadOnlySpan<float> input, int F, Activation activation, bool gated)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(F);
        ArgumentOutOfRangeException.ThrowIfNotEqual(h.Length % F, 0);
        fixed (float* ph = h, pi = input)
        {
            var rowsPerTask = Partition.Rows(2 * F);
            var job = new Job
            {
                H = ph, Input = pi, Rows = h.Length / F, F = F, RowsPerTask = rowsPerTask, Activation = activation,
                IsGated = gated,
            };
            pool.Run(&Task, &job, Partition.Tasks(job.Rows, rowsPerTask));
        }
    }

    private struct Job
    {
        public float* H, Input;
        public int Rows, F, RowsPerTask;
        public Activation Activation;
        public bool IsGated;
    }

    private static void Task(void* argument, int task, int worker)
    {
        ref readonly var job = ref *(Job*)argument;
        var (from, end) = Partition.Range(task, job.RowsPerTask, job.Rows);
        var width = job.IsGated ? 2 * job.F : job.F;
        for (var n = from; n < end; n++)
        {
            float* h = job.H + ((nint)n * job.F), z = job.Input + ((nint)n * width),
                up = job.IsGated ? z + job.F : null;
            var i = 0;
            for (; i <= job.F - W; i += W)
            {
                var f = Apply(job.Activation, Vector512.Load(z + i));
                (up == null ? f : f * Vector512.Load(up + i)).Store(h + i);
            }

            if (i < job.F)
            {
                var f = Apply(job.Activation, LoadFirst(z + i, job.F - i));
                StoreFirst(h + i, job.F - i, up == null ? f : f * LoadFirst(up + i, job.F - i));
            }
        }
    }

    // One exponential in line for both kinds, because of two the JIT makes calls where a vector is two halves.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Apply(Activation activation, Vector512<float> z)
    {
        if (activation == Activation.ReluSquared)
        {
            var positive = Vector512.Max(z, Vector512<float>.Zero);
            return positive * positive;
        }

        var u = z;
        if (activation == Activation.Gelu) // (1 + tanh(u/2))/2 = σ(u)
            u = Fma(z * z * z, Vector512.Create(0.044715f), z) * Vector512.Create(1.5957691216f); // 2·√(2/π)
        return z * FastMath.Sigmoid(u);
    }
}
