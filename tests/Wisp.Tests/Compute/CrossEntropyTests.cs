using Wisp.Compute;
using Wisp.Tests.Golden;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Compute;

public class CrossEntropyTests
{
    [Theory]
    [InlineData(5, 1), InlineData(5, 7), InlineData(5, 16), InlineData(5, 64), InlineData(5, 65), InlineData(300, 257)]
    [InlineData(3, 8192)]
    public void Losses_and_gradients_agree_with_the_definition(int R, int V)
    {
        using var pool = new WorkerPool(2);
        var random = new Random(4);
        int[] targets = [.. Enumerable.Range(0, R).Select(_ => random.Next(-1, V))];
        float[] logits = Sample.Normal(R * V, 1, scale: 3f), kept = [.. logits];
        float[] only = new float[R], losses = new float[R];
        var scale = 1f / R;

        CrossEntropy.Loss(pool, only, logits, targets, V);
        Assert.Equal(kept, logits);
        CrossEntropy.LossAndGradient(pool, losses, logits, targets, V, scale);

        var wide = Sample.Wide(kept);
        Assert.Equal(only, losses);
        // The subtracted maximum rounds x by up to 24ε (|x| stays below 24), which exp turns into a relative error; the
        // sum of V terms adds √V/32 more in each of its 32 lanes.
        var tolerance = (28 + MathF.Sqrt(V)) * Check.Eps;
        Check.Close(NaiveCrossEntropy.Losses(wide, targets, V), losses, tolerance, "loss");
        Check.Close(NaiveCrossEntropy.Gradient(wide, targets, V, scale), logits, tolerance, "gradient");
    }

    [Theory, InlineData(0f), InlineData(500f), InlineData(-1000f)]
    public void A_shift_of_the_row_changes_nothing(float shift)
    {
        // Small integers and halves: the shifted logits are exact, so losses and gradients keep their bits.
        float[] logits = [1f, 2.5f, -3f, 0f, 7f], losses = new float[1], expected = new float[1];
        float[] shifted = [.. logits.Select(x => x + shift)];
        using var pool = new WorkerPool(1);

        CrossEntropy.LossAndGradient(pool, expected, logits, [1], 5, 1f);
        CrossEntropy.LossAndGradient(pool, losses, shifted, [1], 5, 1f);

        Assert.Equal(expected, losses);
        Assert.Equal(logits, shifted);
    }

    [Fact]
    public void A_very_peaked_row_stays_finite()
    {
        float[] logits = new float[40], losses = new float[2];
        logits[3] = 1000f;
        logits[23] = -1000f;
        using var pool = new WorkerPool(1);

        CrossEntropy.LossAndGradient(pool, losses, logits, [3, 3], 20, 1f);

        Assert.Equal(0f, losses[0]);
        Assert.Equal(1000f + MathF.Log(19f), losses[1], 1e-4f);
        Assert.All(logits[..20], d => Assert.Equal(0f, d));
        Assert.Equal(-1f, logits[23]);
    }

    [Fact]
    public void Ignored_rows_lose_nothing_and_teach_nothing()
    {
        float[] logits = Sample.Normal(3 * 33, 1), losses = [7f, 7f, 7f];
        using var pool = new WorkerPool(2);

        CrossEntropy.LossAndGradient(pool, losses, logits, [CrossEntropy.Ignored, 5, CrossEntropy.Ignored], 33, 1f);

        Assert.Equal(0f, losses[0]);
        Assert.Equal(0f, losses[2]);
        Assert.All(logits[..33], d => Assert.Equal(0f, d));
        Assert.All(logits[66..], d => Assert.Equal(0f, d));
        Assert.All(logits[33..66], d => Assert.NotEqual(0f, d));
    }

    [Fact]
    public void A_logit_that_is_not_a_number_shows_in_the_loss()
    {
        foreach (var at in new[] { 0, 17, 32 })
        {
            float[] logits = new float[33], losses = new float[1];
            logits[at] = float.NaN;
            using var pool = new WorkerPool(1);
            CrossEntropy.Loss(pool, losses, logits, [5], 33);
            Assert.True(float.IsNaN(losses[0]), $"NaN at {at}");
        }
    }

    [Fact]
    public void Gradient_definition_agrees_with_differences()
    {
        const int V = 9;
        int[] targets = [2, -1, 8];
        var logits = Sample.Wide(Sample.Normal(3 * V, 1));
        CentralDifference.Agrees(
            CentralDifference.Gradient(at => 0.25 * NaiveCrossEntropy.Losses(at, targets, V).Sum(), logits),
            NaiveCrossEntropy.Gradient(logits, targets, V, 0.25), "dlogits");
    }

    [Theory, InlineData("mean"), InlineData("sum")]
    public void The_golden_values_come_out(string reduction)
    {
        var golden = GoldenFile.Open("torch/piece_cross_entropy.safetensors");
        var (targets, V) = (golden.Ints("targets"), golden.Shape("logits")[1]);
        var scale = reduction == "sum" ? 1f : 1f / targets.Count(t => t >= 0);
        float[] logits = golden.Floats("logits"), losses = new float[targets.Length];
        using var pool = new WorkerPool(2);

        CrossEntropy.LossAndGradient(pool, losses, logits, targets, V, scale);

        Check.Close(golden.Floats($"{reduction}.nll"), losses, 1e-5, "nll");
        Check.Close(golden.Floats($"{reduction}.loss"), [losses.Sum() * scale], 1e-5, "loss");
        Check.Close(golden.Floats($"{reduction}.grad.logits"), logits, 1e-5, "grad");
    }

    [Fact]
    public void Softmax_of_the_golden_rows_comes_out()
    {
        // The gradient is softmax − onehot, so adding the 1 back shows the softmax.
        var golden = GoldenFile.Open("torch/piece_softmax.safetensors");
        var (R, V) = (golden.Shape("x")[0], golden.Shape("x")[1]);
        float[] x = golden.Floats("x"), losses = new float[R];
        var logSoftmax = golden.Floats("log_softmax.y");
        using var pool = new WorkerPool(2);
        CrossEntropy.LossAndGradient(pool, losses, x, new int[R], V, 1f);
        for (var n = 0; n < R; n++)
        {
            x[n * V] += 1f;
            Check.Close([-logSoftmax[n * V]], [losses[n]], 1e-5, $"log-softmax of row {n}");
        }

        Check.Close(golden.Floats("softmax.y"), x, 1e-5, "softmax");
    }

    [Fact]
    public void Targets_outside_the_vocabulary_are_refused()
    {
        using var pool = new WorkerPool(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => CrossEntropy.Loss(pool, new float[1], new float[4], [4], 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => CrossEntropy.Loss(pool, new float[1], new float[4], [-2], 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => CrossEntropy.Loss(pool, new float[1], new float[5], [0], 4));
    }
}
