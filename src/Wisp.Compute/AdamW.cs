using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static Wisp.Compute.Simd;

namespace Wisp.Compute;

/// <summary>
/// Adam with decoupled weight decay, one pass over parameter, gradient and both moments.
/// Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", arXiv:1711.05101, algorithm 2.
/// </summary>
/// <remarks>
/// Step k, counted from 1:  p −= lr·wd·p;  m = β₁m + (1−β₁)g;  v = β₂v + (1−β₂)g²;
/// p −= lr · (m/(1−β₁ᵏ)) / (√(v/(1−β₂ᵏ)) + ε).  p, g, m, v have one length; m and v begin as zeros.
/// </remarks>
public static unsafe class AdamW
{
    /// <param name="gradientScale">Multiplies every gradient on the way in: clipping without a pass of its own.</param>
    public static void Step(
        WorkerPool pool, Span<float> p, Span<float> m, Span<float> v, ReadOnlySpan<float> g,
        double lr, double beta1, double beta2, double eps, double weightDecay, int step, double gradientScale = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(m.Length, p.Length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(v.Length, p.Length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(g.Length, p.Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        fixed (float* pp = p, pm = m, pv = v, pg = g)
        {
            var job = new Job
            {
                P = pp,
                M = pm,
                V = pv,
                G = pg,
                Length = p.Length,
                Keep = (float)(1 - lr * weightDecay),
                Beta1 = (float)beta1,
                Beta2 = (float)beta2,
                OneMinusBeta1 = (float)(1 - beta1),
                OneMinusBeta2 = (float)(1 - beta2),
                StepSize = (float)(lr / (1 - Math.Pow(beta1, step))),
                RootScale = (float)(1 / Math.Sqrt(1 - Math.Pow(beta2, step))),
                Eps = (float)eps,
                GradientScale = (float)gradientScale,
            };
            pool.Run(&StepTask, &job, Partition.Tasks(p.Length, Partition.Rows(1)));
        }
    }

    private struct Job
    {
        public float* P, M, V, G;
        public int Length;
        public float Keep, Beta1, Beta2, OneMinusBeta1, OneMinusBeta2, StepSize, RootScale, Eps, GradientScale;
    }

    private static void StepTask(void* argument, int task, int worker)
    {
        var job = *(Job*)argument;
        var (i, end) = Partition.Range(task, Partition.Rows(1), job.Length);
        float* p = job.P, m = job.M, v = job.V, g = job.G;
        Vector512<float> vp, vm, vv;
        for (; i <= end - W; i += W)
        {
            (vp, vm, vv) = (Vector512.Load(p + i), Vector512.Load(m + i), Vector512.Load(v + i));
            Update(ref vp, ref vm, ref vv, Vector512.Load(g + i), job);
            vp.Store(p + i);
            vm.Store(m + i);
            vv.Store(v + i);
        }

        if (i < end)
        {
            var count = end - i;
            (vp, vm, vv) = (LoadFirst(p + i, count), LoadFirst(m + i, count), LoadFirst(v + i, count));
            Update(ref vp, ref vm, ref vv, LoadFirst(g + i, count), job);
            StoreFirst(p + i, count, vp);
            StoreFirst(m + i, count, vm);
            StoreFirst(v + i, count, vv);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Update(
        ref Vector512<float> p, ref Vector512<float> m, ref Vector512<float> v, Vector512<float> g, in Job job)
    {
        g *= job.GradientScale;
        m = Fma(m, Vector512.Create(job.Beta1), g * job.OneMinusBeta1);
        v = Fma(v, Vector512.Create(job.Beta2), g * g * job.OneMinusBeta2);
        var root = Fma(Vector512.Sqrt(v), Vector512.Create(job.RootScale), Vector512.Create(job.Eps));
        p = p * job.Keep - m / root * job.StepSize;
    }
}
