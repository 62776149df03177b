using Wisp.Compute;
using Wisp.Tests.Golden;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Compute;

public class AdamWTests
{
    [Theory]
    [InlineData(1), InlineData(7), InlineData(16), InlineData(65), InlineData(40_000)]
    public void Three_steps_agree_with_the_definition(int length)
    {
        using var pool = new WorkerPool(2);
        float[] p = Sample.Normal(length, 1), m = new float[length], v = new float[length];
        double[] wideP = Sample.Wide(p), wideM = new double[length], wideV = new double[length];
        for (var step = 1; step <= 3; step++)
        {
            var g = Sample.Normal(length, 10 + step);
            AdamW.Step(pool, p, m, v, g, 1e-2, 0.9, 0.95, 1e-8, 0.1, step, gradientScale: 0.5);
            NaiveAdamW.Step(wideP, wideM, wideV, [.. g.Select(x => 0.5 * x)], 1e-2, 0.9, 0.95, 1e-8, 0.1, step);
        }

        // A step rounds m and v three times, and p twice after the decay.
        Check.Close(wideP, p, 3 * 4 * Check.Eps, "p");
        Check.Close(wideM, m, 3 * 4 * Check.Eps, "m");
        Check.Close(wideV, v, 3 * 5 * Check.Eps, "v");
    }

    [Theory, InlineData("w"), InlineData("b")]
    public void The_golden_values_come_out(string tensor)
    {
        var golden = GoldenFile.Open("torch/optim_adamw.safetensors");
        var p = golden.Floats($"{tensor}.param0");
        var n = p.Length;
        float[] m = new float[n], v = new float[n], largest = new float[n];
        float[] grads = golden.Floats($"{tensor}.grads"), ps = golden.Floats($"{tensor}.params");
        float[] ms = golden.Floats($"{tensor}.m"), vs = golden.Floats($"{tensor}.v");
        double Number(string key) => double.Parse(golden.Metadata[key]);
        using var pool = new WorkerPool(2);

        for (var k = 0; k < 5; k++)
        {
            var g = grads[(k * n)..((k + 1) * n)];
            AdamW.Step(pool, p, m, v, g, Number("lr"), Number("beta1"), Number("beta2"), Number("eps"),
                Number("weight_decay"), k + 1);
            for (var i = 0; i < n; i++)
            {
                // The rule of the golden file: elements differ wildly in scale, so each is judged alone.
                largest[i] = Math.Max(largest[i], Math.Abs(g[i]));
                Assert.True(Math.Abs(p[i] - ps[k * n + i]) <= 1e-6, $"p[{i}] after step {k + 1}");
                Assert.True(Math.Abs(m[i] - ms[k * n + i]) <= 1e-6 * largest[i], $"m[{i}] after step {k + 1}");
                Assert.True(Math.Abs(v[i] - vs[k * n + i]) <= 1e-5 * vs[k * n + i], $"v[{i}] after step {k + 1}");
            }
        }
    }

    [Theory, InlineData("big"), InlineData("small")]
    public void Clipping_by_the_global_norm_gives_the_golden_values(string which)
    {
        var golden = GoldenFile.Open("torch/optim_clip.safetensors");
        using var pool = new WorkerPool(2);
        float[][] gradients = [.. Enumerable.Range(0, 3).Select(i => golden.Floats($"{which}.grad{i}"))];

        var norm = Math.Sqrt(gradients.Sum(g => VectorOps.SumOfSquares(pool, g)));
        var coefficient = GradientClip.Coefficient(norm, golden.Number("max_norm"));

        Assert.Equal(double.Parse(golden.Metadata[$"{which}.total_norm_f64"]), norm, 1e-12 * norm);
        for (var i = 0; i < 3; i++)
        {
            VectorOps.Scale(pool, gradients[i], (float)coefficient);
            Check.Close(golden.Floats($"{which}.clipped{i}"), gradients[i], 2 * Check.Eps);
        }
    }

    [Fact]
    public void A_norm_that_is_not_a_number_gives_no_coefficient() =>
        Assert.True(double.IsNaN(GradientClip.Coefficient(double.NaN, 1)));
}
