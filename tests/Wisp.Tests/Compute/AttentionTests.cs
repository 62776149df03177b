using Wisp.Compute;
using Wisp.Tests.Golden;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Compute;

public class AttentionTests
{
    // The error of a softmax-weighted mean of T values grows like √T·ε, and scores of size s shift exp by s·ε;
    // D = 64 normal products sum to |s| < 40 before scaling. 1e-5 covers both at T = 300 with a factor of four.
    private const double Tolerance = 1e-5;

    // 1 and 7: less than a block. 48: one block exactly. 65 and 257: a last block of a few. With and without groups.
    [Theory]
    [InlineData(1, 1, 1, 1, 8, 1)]
    [InlineData(2, 7, 4, 2, 16, 2)]
    [InlineData(1, 48, 3, 3, 64, 1)]
    [InlineData(2, 65, 4, 1, 6, 3)]
    [InlineData(1, 257, 2, 2, 20, 4)]
    public void Forward_and_backward_agree_with_the_definition(int B, int T, int H, int K, int D, int documents)
    {
        using var pool = new WorkerPool(2);
        var shape = new AttentionShape(B, T, H, K, D);
        float[] q = Sample.Normal(B * T * H * D, 1), k = Sample.Normal(B * T * K * D, 2),
            v = Sample.Normal(B * T * K * D, 3), dO = Sample.Normal(B * T * H * D, 4);
        var starts = new int[B * T];
        for (var i = 0; i < starts.Length; i++)
        {
            var length = (T + documents - 1) / documents;
            starts[i] = i % T / length * length;
        }

        float[] o = new float[q.Length], lse = new float[B * H * T];
        Attention.Forward(pool, o, lse, q, k, v, starts, shape);
        var twin = NaiveAttention.Run(Sample.Wide(q), Sample.Wide(k), Sample.Wide(v), Sample.Wide(dO), starts, shape);
        Check.Close(twin.O, o, Tolerance, "o");
        Check.Close(twin.Lse, lse, Tolerance, "lse");

        float[] dq = new float[q.Length], dk = new float[k.Length], dv = new float[v.Length];
        Attention.Backward(pool, dq, dk, dv, dO, o, lse, q, k, v, starts, shape);
        // Score gradients are differences of numbers of size |dO·v|, about √D: with one key they cancel to nothing at
        // all.
        foreach (var (expected, actual) in new[] { (twin.Dq, dq), (twin.Dk, dk) })
            for (var i = 0; i < actual.Length; i++)
                Assert.Equal(expected[i], actual[i], 4 * Tolerance * Math.Max(Math.Sqrt(D), expected.Max(Math.Abs)));
        Check.Close(twin.Dv, dv, 4 * Tolerance, "dv");
    }

    [Theory]
    [InlineData("causal"), InlineData("doc"), InlineData("cached")]
    public void Pieces_agree_with_libtorch(string which)
    {
        var golden = GoldenFile.Open("torch/piece_attention.safetensors");
        using var pool = new WorkerPool(2);
        var cached = which == "cached";
        int[] qs = golden.Shape(cached ? "cached.q" : "q"), ks = golden.Shape("k");
        var shape = new AttentionShape(qs[0], qs[1], ks[1], qs[2], ks[2], qs[3]);
        float[] q = golden.Floats(cached ? "cached.q" : "q"), k = golden.Floats("k"), v = golden.Floats("v"),
            dO = golden.Floats(cached ? "cached.gout" : "gout");
        int[] starts = [];
        if (which == "doc")
        {
            var ids = golden.Ints("doc_ids");
            starts = new int[ids.Length];
            for (var i = 0; i < ids.Length; i++)
                starts[i] = i % shape.Tk != 0 && ids[i] == ids[i - 1] ? starts[i - 1] : i % shape.Tk;
        }

        float[] o = new float[q.Length], lse = new float[shape.B * shape.H * shape.Tq],
            dq = new float[q.Length], dk = new float[k.Length], dv = new float[v.Length];
        Attention.Forward(pool, o, lse, q, k, v, starts, shape);
        Check.Close(golden.Floats($"{which}.o"), o, 1e-5, "o");
        Check.Close(golden.Floats($"{which}.lse"), lse, 1e-5, "lse");
        Attention.Backward(pool, dq, dk, dv, dO, o, lse, q, k, v, starts, shape);
        Check.Close(golden.Floats(cached ? "cached.grad.cached.q" : $"{which}.grad.q"), dq, 1e-5, "dq");
        Check.Close(golden.Floats($"{which}.grad.k"), dk, 1e-5, "dk");
        Check.Close(golden.Floats($"{which}.grad.v"), dv, 1e-5, "dv");
    }
}
