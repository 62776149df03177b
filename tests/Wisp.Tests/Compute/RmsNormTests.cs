using Wisp.Compute;
using Wisp.Tests.Golden;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Compute;

public class RmsNormTests
{
    private const float Eps = 1e-5f;

    // 1 and 7: tail only. 16 and 64: exact vectors. 65: unrolled body, then a tail of one. 300 rows: several tasks.
    public static readonly TheoryData<int, int> Sizes = new()
    {
        { 3, 1 }, { 3, 7 }, { 3, 16 }, { 3, 32 }, { 3, 64 }, { 3, 65 }, { 300, 257 }, { 3000, 16 }, { 1, 4096 },
    };

    [Theory, MemberData(nameof(Sizes))]
    public void Forward_agrees_with_the_definition(int N, int C)
    {
        using var pool = new WorkerPool(2);
        float[] x = Sample.Normal(N * C, seed: 1), g = Sample.Normal(C, seed: 2);
        float[] y = new float[N * C], r = new float[N];

        RmsNorm.Forward(pool, y, r, x, g, C, Eps);

        var (expectedY, expectedR) = NaiveRmsNorm.Forward(Sample.Wide(x), Sample.Wide(g), Eps);
        // C terms of one rounding each grow like √C·ε at worst; four roundings cover the mean, the root and the scale.
        var tolerance = (4 + MathF.Sqrt(C)) * Check.Eps;
        Check.Close(expectedY, y, tolerance, "y");
        Check.Close(expectedR, r, tolerance, "r");
    }

    [Theory, MemberData(nameof(Sizes))]
    public void Backward_agrees_with_the_definition_and_adds(int N, int C)
    {
        using var pool = new WorkerPool(2);
        float[] x = Sample.Normal(N * C, 1), g = Sample.Normal(C, 2), dy = Sample.Normal(N * C, 3);
        float[] dx0 = Sample.Normal(N * C, 4), dg0 = Sample.Normal(C, 5);
        float[] dx = [.. dx0], dg = [.. dg0], y = new float[N * C], r = new float[N];

        RmsNorm.Forward(pool, y, r, x, g, C, Eps);
        RmsNorm.Backward(pool, dx, dg, dy, x, g, r, C, accumulate: true);

        var (expectedDx, expectedDg) = NaiveRmsNorm.Backward(Sample.Wide(dy), Sample.Wide(x), Sample.Wide(g), Eps);
        for (var i = 0; i < dx.Length; i++)
            expectedDx[i] += dx0[i];
        for (var i = 0; i < dg.Length; i++)
            expectedDg[i] += dg0[i];
        // dx: the forward's tolerance for r, three times because r enters cubed, and the sum over C.
        Check.Close(expectedDx, dx, 4 * (4 + MathF.Sqrt(C)) * Check.Eps, "dx");
        // dg sums N terms; each carries the error of r.
        Check.Close(expectedDg, dg, (8 + MathF.Sqrt(N) + MathF.Sqrt(C)) * Check.Eps, "dg");
    }

    [Fact]
    public void Backward_without_accumulate_may_write_over_its_input()
    {
        const int N = 70, C = 65;
        using var pool = new WorkerPool(2);
        float[] x = Sample.Normal(N * C, 1), g = Sample.Normal(C, 2), dy = Sample.Normal(N * C, 3);
        float[] added = new float[N * C], dg = new float[C], y = new float[N * C], r = new float[N];
        RmsNorm.Forward(pool, y, r, x, g, C, Eps);
        RmsNorm.Backward(pool, added, dg, dy, x, g, r, C, accumulate: true);

        RmsNorm.Backward(pool, dy, new float[C], dy, x, g, r, C, accumulate: false);

        Check.Close(added, dy, 2 * Check.Eps); // the assignment saves the rounding of 0 + d
    }

    [Fact]
    public void Backward_definition_agrees_with_differences()
    {
        const int N = 3, C = 7;
        double[] x = Sample.Wide(Sample.Normal(N * C, 1)), g = Sample.Wide(Sample.Normal(C, 2));
        var dy = Sample.Wide(Sample.Normal(N * C, 3));

        var (dx, dg) = NaiveRmsNorm.Backward(dy, x, g, Eps);

        CentralDifference.Agrees(CentralDifference.Gradient(at => Loss(at, g), x), dx, "dx");
        CentralDifference.Agrees(CentralDifference.Gradient(at => Loss(x, at), g), dg, "dg");

        double Loss(double[] x, double[] g) => NaiveRmsNorm.Forward(x, g, Eps).Y.Zip(dy, (y, d) => y * d).Sum();
    }

    [Fact]
    public void The_golden_values_come_out()
    {
        var golden = GoldenFile.Open("torch/piece_rmsnorm.safetensors");
        float[] x = golden.Floats("x"), g = golden.Floats("w"), dy = golden.Floats("gout");
        int C = g.Length, N = x.Length / C;
        float[] y = new float[N * C], r = new float[N], dx = new float[N * C], dg = new float[C];
        using var pool = new WorkerPool(2);

        RmsNorm.Forward(pool, y, r, x, g, C, golden.Number("eps"));
        RmsNorm.Backward(pool, dx, dg, dy, x, g, r, C, accumulate: true);

        Check.CloseByRow(golden.Floats("y"), y, C, 1e-5, "y");
        Check.CloseByRow(golden.Floats("rstd"), r, 1, 1e-5, "rstd");
        Check.CloseByRow(golden.Floats("grad.x"), dx, C, 1e-5, "grad.x");
        Check.Close(golden.Floats("grad.w"), dg, 1e-5, "grad.w");
    }

    [Fact]
    public void Lengths_that_do_not_fit_are_refused()
    {
        using var pool = new WorkerPool(1);
        var x = new float[12];
        foreach (var (rows, gains, width) in new[] { (3, 5, 5), (2, 4, 4), (3, 3, 4), (0, 0, 0) })
            Assert.Throws<ArgumentOutOfRangeException>(
                () => RmsNorm.Forward(pool, x, new float[rows], x, new float[gains], width, Eps));
    }
}
