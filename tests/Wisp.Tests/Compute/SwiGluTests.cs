using Wisp.Compute;
using Wisp.Tests.Golden;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Compute;

public class SwiGluTests
{
    // exp is good to 1 ulp (2ε), then come the sum, the quotient and up to five products of one rounding each.
    private const double Tolerance = 10 * Check.Eps;

    [Theory]
    [InlineData(3, 1), InlineData(3, 7), InlineData(3, 16), InlineData(3, 64), InlineData(3, 65), InlineData(200, 257)]
    public void Both_ways_agree_with_the_definition(int N, int F)
    {
        using var pool = new WorkerPool(2);
        float[] gateUp = Sample.Normal(2 * N * F, 1, scale: 3f), dh = Sample.Normal(N * F, 2);
        float[] h = new float[N * F], d = new float[2 * N * F];

        SwiGlu.Forward(pool, h, gateUp, F);
        SwiGlu.Backward(pool, d, dh, gateUp, F);

        Check.Close(NaiveSwiGlu.Forward(Sample.Wide(gateUp), F), h, Tolerance, "h");
        Check.Close(NaiveSwiGlu.Backward(Sample.Wide(dh), Sample.Wide(gateUp), F), d, Tolerance, "dGateUp");
        SwiGlu.Backward(pool, gateUp, dh, gateUp, F);
        Assert.Equal(d, gateUp); // in place, the same bits
    }

    [Fact]
    public void Gates_far_from_zero_saturate()
    {
        float[] gateUp = [200f, -200f, -90f, 0f, 1f, 1f, 1f, 1f], h = new float[4];
        using var pool = new WorkerPool(1);

        SwiGlu.Forward(pool, h, gateUp, 4);
        SwiGlu.Backward(pool, gateUp, [1f, 1f, 1f, 1f], gateUp, 4);

        Assert.Equal([200f, 0f, 0f, 0f], h);
        Assert.Equal([1f, 0f, 0f, 0.5f, 200f, 0f, 0f, 0f], gateUp);
    }

    [Fact]
    public void Backward_definition_agrees_with_differences()
    {
        const int F = 7;
        double[] gateUp = Sample.Wide(Sample.Normal(6 * F, 1)), dh = Sample.Wide(Sample.Normal(3 * F, 2));
        CentralDifference.Agrees(
            CentralDifference.Gradient(at => NaiveSwiGlu.Forward(at, F).Zip(dh, (y, d) => y * d).Sum(), gateUp),
            NaiveSwiGlu.Backward(dh, gateUp, F), "dGateUp");
    }

    [Fact]
    public void The_golden_values_come_out()
    {
        var golden = GoldenFile.Open("torch/piece_glu.safetensors");
        var (N, F) = (golden.Shape("gate")[0], golden.Shape("gate")[1]);
        float[] gateUp = SideBySide(golden.Floats("gate"), golden.Floats("up"), F), h = new float[N * F];
        using var pool = new WorkerPool(2);

        SwiGlu.Forward(pool, h, gateUp, F);
        SwiGlu.Backward(pool, gateUp, golden.Floats("gout"), gateUp, F);

        Check.Close(golden.Floats("swiglu.y"), h, 1e-5, "y");
        var gradient = SideBySide(golden.Floats("swiglu.grad.gate"), golden.Floats("swiglu.grad.up"), F);
        Check.Close(gradient, gateUp, 1e-5, "grad");
    }

    private static float[] SideBySide(float[] left, float[] right, int F) =>
        [.. left.Chunk(F).Zip(right.Chunk(F), (l, r) => l.Concat(r)).SelectMany(row => row)];
}
