using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// What this machine can do, measured on the spot with all workers of a pool: the two roofs that a kernel's speed is
/// judged against. Williams et al. 2009, "Roofline: an insightful visual performance model", CACM 52(4).
/// </summary>
/// <remarks>The best of several rounds counts: other programs only ever make a round slower.</remarks>
public static unsafe class Roofline
{
    // Several times the largest L3 in servers, so that a round finds next to nothing of the round before in a cache.
    private const int BandwidthFloats = 1 << 27; // 512 MiB

    private const int Chains = 12; // an FMA takes 4 cycles at 2 a cycle: 8 would do, 12 leave room for slower units
    private const int FmaSteps = 1 << 15; // about 50 µs a task, long against claiming it

    /// <summary>Peak of float32 multiply-adds in FLOP/s; one multiply-add counts as two.</summary>
    public static double FmaPeak(WorkerPool pool, TimeSpan time)
    {
        var tasks = 8 * pool.Count;
        var sink = pool.Scratch(tasks * Simd.W);
        var flop = 2.0 * tasks * FmaSteps * Chains * WidestVector;
        return flop / BestSeconds(time, () =>
        {
            var job = new Job(null, sink, 0, 0);
            pool.Run(Vector512.IsHardwareAccelerated ? &FmaTask512 : &FmaTask256, &job, tasks);
        }, out _);
    }

    /// <summary>Bytes a second that all workers together read from memory.</summary>
    public static double ReadBandwidth(WorkerPool pool, TimeSpan time) => ReadBandwidth(pool, time, out _);

    /// <param name="mean">
    /// The same over all rounds, the disturbed ones too: what work that takes as long can be held against.
    /// </param>
    public static double ReadBandwidth(WorkerPool pool, TimeSpan time, out double mean)
    {
        using var buffer = new FloatBuffer(BandwidthFloats);
        VectorOps.Fill(pool, buffer.Span, 1f); // unwritten pages would all be one page of zeros, held in a cache
        var floatsPerTask = 1 << 18; // 1 MiB: long runs for the prefetcher
        var tasks = Partition.Tasks(buffer.Length, floatsPerTask);
        var sink = pool.Scratch(tasks);
        fixed (float* p = buffer.Span)
        {
            var x = p;
            var best = BestSeconds(time, () =>
            {
                var job = new Job(x, sink, BandwidthFloats, floatsPerTask);
                pool.Run(&SumTask, &job, tasks);
            }, out var meanSeconds);
            mean = buffer.Bytes / meanSeconds;
            return buffer.Bytes / best;
        }
    }

    private static int WidestVector => Vector512.IsHardwareAccelerated ? 16 : 8;

    private static double BestSeconds(TimeSpan time, Action round, out double mean)
    {
        round(); // wakes the workers and lets the JIT finish
        double best = double.PositiveInfinity, sum = 0;
        var rounds = 0;
        for (var start = Stopwatch.GetTimestamp(); rounds < 3 || Stopwatch.GetElapsedTime(start) < time; rounds++)
        {
            var began = Stopwatch.GetTimestamp();
            round();
            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            best = Math.Min(best, seconds);
            sum += seconds;
        }

        mean = sum / rounds;
        return best;
    }

    private readonly struct Job(float* x, float* sink, int length, int floatsPerTask)
    {
        public readonly float* X = x, Sink = sink; // results go somewhere, or the JIT may drop the work
        public readonly int Length = length, FloatsPerTask = floatsPerTask;
    }

    // x ← 0.5·x + 0.5 stays near 1: no overflow, no denormals.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FmaTask512(void* argument, int task, int worker)
    {
        Vector512<float> half = Vector512.Create(0.5f), one = Vector512<float>.One;
        Vector512<float> a = one, b = one, c = one, d = one, e = one, f = one;
        Vector512<float> g = one, h = one, i = one, j = one, k = one, l = one;
        for (var step = 0; step < FmaSteps; step++)
        {
            a = Vector512.FusedMultiplyAdd(a, half, half);
            b = Vector512.FusedMultiplyAdd(b, half, half);
            c = Vector512.FusedMultiplyAdd(c, half, half);
            d = Vector512.FusedMultiplyAdd(d, half, half);
            e = Vector512.FusedMultiplyAdd(e, half, half);
            f = Vector512.FusedMultiplyAdd(f, half, half);
            g = Vector512.FusedMultiplyAdd(g, half, half);
            h = Vector512.FusedMultiplyAdd(h, half, half);
            i = Vector512.FusedMultiplyAdd(i, half, half);
            j = Vector512.FusedMultiplyAdd(j, half, half);
            k = Vector512.FusedMultiplyAdd(k, half, half);
            l = Vector512.FusedMultiplyAdd(l, half, half);
        }

        (a + b + c + d + e + f + g + h + i + j + k + l).Store(((Job*)argument)->Sink + (nint)task * Simd.W);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FmaTask256(void* argument, int task, int worker)
    {
        Vector256<float> half = Vector256.Create(0.5f), one = Vector256<float>.One;
        Vector256<float> a = one, b = one, c = one, d = one, e = one, f = one;
        Vector256<float> g = one, h = one, i = one, j = one, k = one, l = one;
        for (var step = 0; step < FmaSteps; step++)
        {
            a = Vector256.FusedMultiplyAdd(a, half, half);
            b = Vector256.FusedMultiplyAdd(b, half, half);
            c = Vector256.FusedMultiplyAdd(c, half, half);
            d = Vector256.FusedMultiplyAdd(d, half, half);
            e = Vector256.FusedMultiplyAdd(e, half, half);
            f = Vector256.FusedMultiplyAdd(f, half, half);
            g = Vector256.FusedMultiplyAdd(g, half, half);
            h = Vector256.FusedMultiplyAdd(h, half, half);
            i = Vector256.FusedMultiplyAdd(i, half, half);
            j = Vector256.FusedMultiplyAdd(j, half, half);
            k = Vector256.FusedMultiplyAdd(k, half, half);
            l = Vector256.FusedMultiplyAdd(l, half, half);
        }

        (a + b + c + d + e + f + g + h + i + j + k + l).Store(((Job*)argument)->Sink + (nint)task * Simd.W);
    }

    private static void SumTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        var (from, end) = Partition.Range(task, job.FloatsPerTask, job.Length);
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (var p = job.X + from; p < job.X + end; p += 4 * Simd.W)
        {
            s0 += Vector512.Load(p);
            s1 += Vector512.Load(p + Simd.W);
            s2 += Vector512.Load(p + 2 * Simd.W);
            s3 += Vector512.Load(p + 3 * Simd.W);
        }

        job.Sink[task] = Simd.Sum(s0 + s1 + (s2 + s3));
    }
}
