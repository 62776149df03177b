using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static Wisp.Compute.Simd;

namespace Wisp.Compute;

/// <summary>
/// Gated feed-forward: h = silu(gate) ⊙ up with silu(z) = z·σ(z). Shazeer 2020, "GLU Variants Improve Transformer",
/// arXiv:2002.05202, eq. 6.
/// </summary>
/// <remarks>
/// Shapes: h, dh are (N, F); gateUp, dGateUp are (N, 2F), a row being F gates and then F ups, as one fused projection
/// writes them. Backward, with σ = σ(gate):  dup = dh ⊙ gate·σ  and  dgate = dh ⊙ up ⊙ σ·(1 + gate·(1 − σ)).
/// A gate of −∞ gives NaN, not the limit 0.
/// </remarks>
public static unsafe class SwiGlu
{
    public static void Forward(WorkerPool pool, Span<float> h, ReadOnlySpan<float> gateUp, int F)
    {
        var N = Rows(h.Length, gateUp.Length, F);
        fixed (float* ph = h, pgu = gateUp)
        {
            var rowsPerTask = Partition.Rows(2 * F);
            var job = new Job(ph, pgu, null, N, F, rowsPerTask);
            pool.Run(&ForwardTask, &job, Partition.Tasks(N, rowsPerTask));
        }
    }

    /// <summary>Assigns dGateUp, which may be gateUp itself.</summary>
    public static void Backward(
        WorkerPool pool, Span<float> dGateUp, ReadOnlySpan<float> dh, ReadOnlySpan<float> gateUp, int F)
    {
        var N = Rows(dh.Length, gateUp.Length, F);
        ArgumentOutOfRangeException.ThrowIfNotEqual(dGateUp.Length, gateUp.Length);
        fixed (float* pdgu = dGateUp, pdh = dh, pgu = gateUp)
        {
            var rowsPerTask = Partition.Rows(2 * F);
            var job = new Job(pdh, pgu, pdgu, N, F, rowsPerTask);
            pool.Run(&BackwardTask, &job, Partition.Tasks(N, rowsPerTask));
        }
    }

    private static int Rows(int hLength, int gateUpLength, int F)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(F);
        ArgumentOutOfRangeException.ThrowIfNotEqual(hLength % F, 0);
        ArgumentOutOfRangeException.ThrowIfNotEqual(gateUpLength, 2L * hLength);
        return hLength / F;
    }

    private readonly struct Job(float* h, float* gateUp, float* dGateUp, int rows, int f, int rowsPerTask)
    {
        public readonly float* H = h, GateUp = gateUp, DGateUp = dGateUp; // H is dh in the backward pass
        public readonly int Rows = rows, F = f, RowsPerTask = rowsPerTask;
    }

    private static void ForwardTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        var (from, end) = Partition.Range(task, job.RowsPerTask, job.Rows);
        for (var n = from; n < end; n++)
        {
            float* h = job.H + (nint)n * job.F, gate = job.GateUp + (nint)n * 2 * job.F, up = gate + job.F;
            var i = 0;
            for (; i <= job.F - W; i += W)
                Gated(Vector512.Load(gate + i), Vector512.Load(up + i)).Store(h + i);
            if (i < job.F)
                StoreFirst(h + i, job.F - i, Gated(LoadFirst(gate + i, job.F - i), LoadFirst(up + i, job.F - i)));
        }
    }

    private static void BackwardTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        var (from, end) = Partition.Range(task, job.RowsPerTask, job.Rows);
        for (var n = from; n < end; n++)
        {
            float* dh = job.H + (nint)n * job.F, gate = job.GateUp + (nint)n * 2 * job.F, up = gate + job.F;
            float* dgate = job.DGateUp + (nint)n * 2 * job.F, dup = dgate + job.F;
            var i = 0;
            for (; i <= job.F - W; i += W)
            {
                var (dg, du) = Gradients(Vector512.Load(dh + i), Vector512.Load(gate + i), Vector512.Load(up + i));
                dg.Store(dgate + i);
                du.Store(dup + i);
            }

            if (i < job.F)
            {
                var count = job.F - i;
                var (dg, du) = Gradients(
                    LoadFirst(dh + i, count), LoadFirst(gate + i, count), LoadFirst(up + i, count));
                StoreFirst(dgate + i, count, dg);
                StoreFirst(dup + i, count, du);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Gated(Vector512<float> gate, Vector512<float> up) =>
        gate * FastMath.Sigmoid(gate) * up;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float> DGate, Vector512<float> DUp) Gradients(
        Vector512<float> dh, Vector512<float> gate, Vector512<float> up)
    {
        var one = Vector512<float>.One;
        var sigma = FastMath.Sigmoid(gate);
        return (dh * up * sigma * Fma(gate, one - sigma, one), dh * (gate * sigma));
    }
}
