using System.Runtime.InteropServices;
using Wisp.Compute;

namespace Wisp.Tests.Compute;

/// <summary>What element-wise kernels promise: the same bits on any number of workers, no allocations.</summary>
public class KernelContractTests
{
    // Enough rows for several tasks of every kernel, and a width with a tail.
    private const int N = 300, C = 201;

    private sealed class Arrays
    {
        public readonly float[] X = Sample.Normal(N * C, 1), Y = Sample.Normal(N * C, 2), Z = Sample.Normal(N * C, 3);
        public readonly float[] Wide = Sample.Normal(N * 2 * C, 4), Gain = Sample.Normal(C, 5), R = Sample.Normal(N, 7);
        public readonly float[] Heads = Sample.Normal(N * 6 * 34, 6), DGain = new float[C], Table = new float[50 * C];
        public readonly int[] Ids = [.. Enumerable.Range(0, N).Select(n => n * 7 % 50)];
        public readonly RopeTable Rope = new(64, 34, 10_000);
        public double Squares;

        public byte[] Bytes => [.. MemoryMarshal.AsBytes<double>([Squares]), .. ((float[][])
            [X, Y, Z, Wide, Gain, R, Heads, DGain, Table]).SelectMany(x =>
                MemoryMarshal.AsBytes(x.AsSpan()).ToArray())];
    }

    private static readonly Dictionary<string, Action<WorkerPool, Arrays>> s_kernels = new()
    {
        ["RmsNorm.Forward"] = (pool, a) => RmsNorm.Forward(pool, a.Y, a.R, a.X, a.Gain, C, 1e-5f),
        ["RmsNorm.Backward"] = (pool, a) => RmsNorm.Backward(pool, a.Z, a.DGain, a.Y, a.X, a.Gain, a.R, C, true),
        ["Rope.Forward Norm"] = (pool, a) => Rope.Forward(pool, a.Heads, a.Ids, a.Rope, 6, RopeLayout.Norm),
        ["Rope.Backward Neox"] = (pool, a) => Rope.Backward(pool, a.Heads, a.Ids, a.Rope, 6, RopeLayout.Neox),
        ["SwiGlu.Forward"] = (pool, a) => SwiGlu.Forward(pool, a.X, a.Wide, C),
        ["SwiGlu.Backward"] = (pool, a) => SwiGlu.Backward(pool, a.Wide, a.X, a.Wide, C),
        ["Embedding.Forward"] = (pool, a) => Embedding.Forward(pool, a.X, a.Table, a.Ids, C),
        ["Embedding.Backward"] = (pool, a) => Embedding.Backward(pool, a.Table, a.X, a.Ids, C),
        ["CrossEntropy.Loss"] = (pool, a) => CrossEntropy.Loss(pool, a.R, a.X, a.Ids, C),
        ["CrossEntropy.LossAndGradient"] = (pool, a) => CrossEntropy.LossAndGradient(pool, a.R, a.X, a.Ids, C, 0.1f),
        ["VectorOps.Add"] = (pool, a) => VectorOps.Add(pool, a.Y, a.X),
        ["VectorOps.Axpy"] = (pool, a) => VectorOps.Axpy(pool, a.Y, a.X, 0.3f),
        ["VectorOps.Copy"] = (pool, a) => VectorOps.Copy(pool, a.Y, a.X),
        ["VectorOps.Scale"] = (pool, a) => VectorOps.Scale(pool, a.Y, 0.3f),
        ["VectorOps.Fill"] = (pool, a) => VectorOps.Fill(pool, a.Y, 0.3f),
        ["VectorOps.SumOfSquares"] = (pool, a) => a.Squares = VectorOps.SumOfSquares(pool, a.X),
        ["AdamW.Step"] = (pool, a) =>
        {
            a.Z.AsSpan().Clear();
            AdamW.Step(pool, a.X, a.Z, a.Wide.AsSpan(0, N * C), a.Y, 1e-3, 0.9, 0.95, 1e-8, 0.1, 1, 0.5);
        },
    };

    public static TheoryData<string> Kernels => [.. s_kernels.Keys];

    [Theory, MemberData(nameof(Kernels))]
    public void The_bits_do_not_depend_on_the_number_of_workers(string kernel)
    {
        var results = new Arrays[3];
        for (var i = 0; i < 3; i++)
        {
            using var pool = new WorkerPool(i + 1);
            s_kernels[kernel](pool, results[i] = new Arrays());
        }

        Assert.False(results[0].Bytes.AsSpan().SequenceEqual(new Arrays().Bytes), "the kernel did nothing");
        for (var i = 1; i < 3; i++)
            Assert.True(results[0].Bytes.AsSpan().SequenceEqual(results[i].Bytes), $"{i + 1} workers differ from one");
    }

    [Theory, MemberData(nameof(Kernels))]
    public void A_kernel_allocates_nothing_after_its_first_call(string kernel)
    {
        using var pool = new WorkerPool(2);
        var arrays = new Arrays();
        s_kernels[kernel](pool, arrays);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 20; i++)
            s_kernels[kernel](pool, arrays);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Empty_inputs_are_no_work_and_no_fault()
    {
        using var pool = new WorkerPool(2);
        var gain = new float[8];
        RmsNorm.Forward(pool, [], [], [], gain, 8, 1e-5f);
        RmsNorm.Backward(pool, [], gain, [], [], gain, [], 8, accumulate: true);
        SwiGlu.Forward(pool, [], [], 8);
        CrossEntropy.Loss(pool, [], [], [], 8);
        Embedding.Forward(pool, [], gain, [], 8);
        VectorOps.Add(pool, [], []);
        Assert.Equal(0.0, VectorOps.SumOfSquares(pool, []));
        Assert.All(gain, g => Assert.Equal(0f, g));
    }
}
