using Wisp.Compute;
using Wisp.Model;
using Wisp.Tests.Golden;
using Wisp.Tests.Model;
using Wisp.Train.Align;

namespace Wisp.Tests.Train.Align;

public sealed class LoraTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);

    public void Dispose() => _pool.Dispose();

    // The golden layer as one of a model: widths that are alike nowhere else, so a mixed-up pair shows.
    private static ParameterMap Map(int rows, int columns) => new(
        TinyModel.Config(Architecture.Named("llama", "test")) with
        {
            Width = columns,
            Layers = 1,
            Heads = 1,
            KvHeads = 1,
            HeadDim = rows,
            FeedForward = 32,
        });

    [Fact]
    public void Adapters_agree_with_the_oracle()
    {
        var golden = GoldenFile.Open("torch/lora_linear.safetensors");
        int[] shape = golden.Shape("w");
        int rows = shape[0], columns = shape[1], rank = golden.Shape("lora_a")[0];
        var map = Map(rows, columns);
        using var lora = new Lora(map, rank, golden.Number("alpha"), "q", seed: 1);
        using Parameters frozen = new(map), weights = new(map), gradients = new(map);
        float[] a = golden.Floats("lora_a"), b = golden.Floats("lora_b"), x = golden.Floats("x"),
            dy = golden.Floats("gout");
        a.CopyTo(lora.Values);
        b.CopyTo(lora.Values[a.Length..]);
        var q = map.Blocks[0].Q;
        golden.Floats("w").CopyTo(frozen.Of(q));

        // The golden README's bound for this file.
        const double rtol = 1e-5;
        lora.Merge(_pool, weights, frozen);
        Check.Close(golden.Floats("merged"), weights.Of(q), rtol, "merged");
        var n = x.Length / columns;
        var y = new float[n * rows];
        Gemm.Multiply(_pool, y, x, weights.Of(q), n, rows, columns, false, true, false);
        Check.Close(golden.Floats("y"), y, rtol, "y");

        // dW = dyᵀ·x is what the transformer's backward pass hands over.
        Gemm.Multiply(_pool, gradients.Of(q), dy, x, rows, columns, n, true, false, false);
        lora.Backward(_pool, gradients);
        Check.Close(golden.Floats("grad.lora_a"), lora.Gradients[..a.Length], rtol, "dA");
        Check.Close(golden.Floats("grad.lora_b"), lora.Gradients[a.Length..], rtol, "dB");
        var dx = new float[x.Length];
        Gemm.Multiply(_pool, dx, dy, weights.Of(q), n, columns, rows, false, false, false);
        Check.Close(golden.Floats("grad.x"), dx, rtol, "dx");
    }

    [Fact]
    public void Merged_equals_applied()
    {
        // Odd sizes; applied means x·Aᵀ, then ·Bᵀ, beside x·W₀ᵀ, in float64.
        const int rows = 33, columns = 16, rank = 5, n = 7;
        var map = Map(rows + 1, columns);
        var q = map.Blocks[0].Q;
        using var lora = new Lora(map, rank, alpha: 15, "q", seed: 1);
        using Parameters frozen = new(map), weights = new(map);
        Sample.Normal(q.Length, 1).CopyTo(frozen.Of(q));
        Sample.Normal(lora.Values.Length, 2).CopyTo(lora.Values);
        lora.Merge(_pool, weights, frozen);

        var x = Sample.Normal(n * columns, 3);
        var merged = new float[n * q.Rows];
        Gemm.Multiply(_pool, merged, x, weights.Of(q), n, q.Rows, columns, false, true, false);
        var applied = new double[merged.Length];
        for (var i = 0; i < n; i++)
            for (var o = 0; o < q.Rows; o++)
            {
                for (var c = 0; c < columns; c++)
                    applied[(i * q.Rows) + o] += (double)x[(i * columns) + c] * frozen.Of(q)[(o * columns) + c];
                for (var k = 0; k < rank; k++)
                {
                    var inner = 0.0;
                    for (var c = 0; c < columns; c++)
                        inner += (double)x[(i * columns) + c] * lora.Values[(k * columns) + c];
                    applied[(i * q.Rows) + o] += 3 * inner * lora.Values[(rank * columns) + (o * rank) + k];
                }
            }

        // Each entry sums C + r·C products of one rounding each; errors grow like the root of their number. Four times
        // that covers the merge, which rounds once more.
        Check.Close(applied, merged, 4 * Math.Sqrt(columns * (1 + rank)) * Check.Eps);
    }

    [Fact]
    public void Untrained_adapters_change_nothing()
    {
        var map = Map(34, 16);
        using var lora = new Lora(map, 4, 16, Lora.AllTargets, seed: 1);
        using var frozen = TinyModel.Weights(map.Config);
        using var weights = new Parameters(map);
        lora.Merge(_pool, weights, frozen);
        foreach (var tensor in map.All.Where(t => t.Offset >= map.BlockMatricesFrom))
            Assert.True(frozen.Of(tensor).SequenceEqual(weights.Of(tensor)), tensor.Name);
        Assert.NotEqual(-1, lora.Values.IndexOfAnyExcept(0f));
    }

    [Fact]
    public void Nonsense_is_refused()
    {
        var map = Map(34, 16);
        Assert.Contains("no matrix 'z' in a block", Assert.Throws<ArgumentException>(
            () => new Lora(map, 4, 16, "q, z", 1)).Message);
        Assert.Contains("Adapters of rank 17", Assert.Throws<ArgumentException>(
            () => new Lora(map, 17, 16, "q", 1)).Message);
    }
}
