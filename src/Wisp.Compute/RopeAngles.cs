using System.Runtime.Intrinsics;
using static Wisp.Compute.Simd;

namespace Wisp.Compute;

/// <summary>
/// The rotations of a batch of positions: cosines and sines for every row and pair, computed in float64 as they are
/// needed, so that no table limits the context. Frequencies and a common magnitude are given, so every way of
/// stretching RoPE (linear, by factors, YaRN) is a matter of who makes the frequencies.
/// </summary>
/// <remarks>
/// Shapes: frequencies are (P), radians a position; x is (N, H, D), of which the first 2P elements of every head turn:
/// pairs (2p, 2p+1) in <see cref="RopeLayout.Norm"/>, (p, p+P) in <see cref="RopeLayout.Neox"/>.
/// </remarks>
public sealed unsafe class RopeAngles : IDisposable
{
    private readonly double[] _frequencies;
    private readonly float _magnitude;
    private readonly FloatBuffer _cos, _sin;
    private int _rows;

    /// <param name="magnitude">Factor on what is turned, 1 but for YaRN and its kin.</param>
    /// <param name="maxRows">The largest N.</param>
    public RopeAngles(ReadOnlySpan<double> frequencies, float magnitude, int maxRows)
    {
        _frequencies = frequencies.ToArray();
        _magnitude = magnitude;
        _cos = new FloatBuffer(checked(maxRows * frequencies.Length));
        _sin = new FloatBuffer(checked(maxRows * frequencies.Length));
    }

    public long Bytes => _cos.Bytes + _sin.Bytes;

    /// <summary>Takes the positions of the rows that <see cref="Turn"/> will turn.</summary>
    public void Set(ReadOnlySpan<int> positions)
    {
        Span<float> cos = _cos.Span, sin = _sin.Span;
        var at = 0;
        foreach (var position in positions)
        {
            foreach (var frequency in _frequencies)
            {
                var (s, c) = Math.SinCos(position * frequency);
                cos[at] = (float)(c * _magnitude);
                sin[at++] = (float)(s * _magnitude);
            }
        }

        _rows = positions.Length;
    }

    /// <summary>Turns x in place.</summary>
    public void Turn(WorkerPool pool, Span<float> x, int H, int D, RopeLayout layout)
    {
        var P = _frequencies.Length;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(2 * P, D);
        ArgumentOutOfRangeException.ThrowIfNotEqual(x.Length, (long)_rows * H * D);
        fixed (float* px = x, cos = _cos.Span, sin = _sin.Span)
        {
            var rowsPerTask = Partition.Rows(H * D);
            var job = new Job
            {
                X = px, Cos = cos, Sin = sin, Rows = _rows, H = H, D = D, P = P, RowsPerTask = rowsPerTask,
                Adjacent = layout == RopeLayout.Norm,
            };
            pool.Run(&Task, &job, Partition.Tasks(_rows, rowsPerTask));
        }
    }

    public void Dispose()
    {
        _cos.Dispose();
        _sin.Dispose();
    }

    private struct Job
    {
        public float* X, Cos, Sin;
        public int Rows, H, D, P, RowsPerTask;
        public bool Adjacent;
    }

    private static void Task(void* argument, int task, int worker)
    {
        ref readonly var job = ref *(Job*)argument;
        var (from, end) = Partition.Range(task, job.RowsPerTask, job.Rows);
        for (var n = from; n < end; n++)
        {
            float* cos = job.Cos + ((nint)n * job.P), sin = job.Sin + ((nint)n * job.P);
            var x = job.X + ((nint)n * job.H * job.D);
            for (var h = 0; h < job.H; h++, x += job.D)
            {
                if (job.Adjacent)
                    TurnAdjacent(x, cos, sin, job.P);
                else
                    TurnHalves(x, cos, sin, job.P);
            }
        }
    }

    private static void TurnAdjacent(float* x, float* cos, float* sin, int P)
    {
        for (var p = 0; p < P; p++)
        {
            float a = x[2 * p], b = x[(2 * p) + 1];
            x[2 * p] = (a * cos[p]) - (b * sin[p]);
            x[(2 * p) + 1] = (a * sin[p]) + (b * cos[p]);
        }
    }

    private static void TurnHalves(float* x, float* cos, float* sin, int P)
    {
        var p = 0;
        for (; p <= P - W; p += W)
        {
            Vector512<float> a = Vector512.Load(x + p), b = Vector512.Load(x + P + p), c = Vector512.Load(cos + p),
                s = Vector512.Load(sin + p);
            ((a * c) - (b * s)).Store(x + p);
            ((a * s) + (b * c)).Store(x + P + p);
        }

        for (; p < P; p++)
        {
            float a = x[p], b = x[P + p];
            x[p] = (a * cos[p]) - (b * sin[p]);
            x[P + p] = (a * sin[p]) + (b * cos[p]);
        }
    }
}
