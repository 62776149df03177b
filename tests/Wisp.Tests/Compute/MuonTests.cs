using Wisp.Compute;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Compute;

public class MuonTests
{
    [Theory]
    [InlineData("tall"), InlineData("wide"), InlineData("square")]
    public void Five_steps_agree_with_libtorch(string which)
    {
        var golden = GoldenFile.Open("torch/optim_muon.safetensors");
        using var pool = new WorkerPool(2);
        int rows = golden.Shape($"{which}.param0")[0], columns = golden.Shape($"{which}.param0")[1], n = rows * columns;
        float[] p = golden.Floats($"{which}.param0"), grads = golden.Floats($"{which}.grads"),
            momentum = golden.Floats($"{which}.momentum"), expected = golden.Floats($"{which}.params_f64"),
                buf = new float[n];
        using var muon = new Muon(n, Math.Min(rows, columns));
        for (var step = 0; step < 5; step++)
        {
            muon.Step(pool, p, buf, grads.AsSpan(step * n, n), rows, columns, lr: 0.02f, momentum: 0.95f,
                weightDecay: 0f);
            for (var i = 0; i < n; i++)
            {
                Assert.Equal(momentum[(step * n) + i], buf[i], 1e-6f);
                Assert.Equal(expected[(step * n) + i], p[i], 2e-6f); // the golden README's tolerance for float32
            }
        }
    }

    [Fact]
    public void The_update_is_nearly_orthogonal_and_decay_shrinks_the_weights()
    {
        using var pool = new WorkerPool(2);
        const int rows = 40, columns = 24;
        float[] p = new float[rows * columns], buf = new float[p.Length], g = Sample.Normal(p.Length, 5);
        using var muon = new Muon(p.Length, columns);
        muon.Step(pool, p, buf, g, rows, columns, lr: 1f, momentum: 0.95f, weightDecay: 0f);

        // p = -√(rows/columns)·X from zero, and the columns of X have length between 0.68 and 1.13 (the quintic's
        // range).
        for (var c = 0; c < columns; c++)
        {
            var length =
                Math.Sqrt(Enumerable.Range(0, rows).Sum(r => Math.Pow(p[(r * columns) + c], 2)) * columns / rows);
            Assert.InRange(length, 0.65, 1.2);
        }

        var before = p.ToArray();
        muon.Step(pool, p, buf, new float[p.Length], rows, columns, lr: 0.1f, momentum: 0f, weightDecay: 0.5f);
        for (var i = 0; i < p.Length; i++)
            Assert.Equal(before[i] * 0.95f, p[i], 1e-6f);
    }
}
