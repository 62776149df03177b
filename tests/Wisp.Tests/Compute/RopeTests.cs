using Wisp.Compute;
using Wisp.Tests.Golden;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Compute;

public class RopeTests
{
    private const double Theta = 10_000;
    private const int MaxPositions = 512;

    // D 2, 6, 8: tails only. 32, 64: exact vectors. 48: a vector and a half of pairs. 700 rows: several tasks.
    public static readonly TheoryData<int, int, int, RopeLayout> Sizes = new()
    {
        { 3, 1, 2, RopeLayout.Norm }, { 3, 3, 6, RopeLayout.Norm }, { 5, 2, 8, RopeLayout.Norm },
        { 7, 2, 32, RopeLayout.Norm }, { 7, 3, 48, RopeLayout.Norm }, { 700, 6, 64, RopeLayout.Norm },
        { 3, 1, 2, RopeLayout.Neox }, { 3, 3, 6, RopeLayout.Neox }, { 5, 2, 8, RopeLayout.Neox },
        { 7, 2, 32, RopeLayout.Neox }, { 7, 3, 48, RopeLayout.Neox }, { 700, 6, 64, RopeLayout.Neox },
    };

    [Theory, MemberData(nameof(Sizes))]
    public void Both_ways_agree_with_the_definition(int N, int H, int D, RopeLayout layout)
    {
        using var pool = new WorkerPool(2);
        var table = new RopeTable(MaxPositions, D, Theta);
        var random = new Random(9);
        int[] positions = [.. Enumerable.Range(0, N).Select(_ => random.Next(MaxPositions))];
        float[] x = Sample.Normal(N * H * D, 1), turned = [.. x], back = [.. x];

        Rope.Forward(pool, turned, positions, table, H, layout);
        Rope.Backward(pool, back, positions, table, H, layout);

        // Two products and a sum, of factors that are rounded once: four roundings.
        var wide = Sample.Wide(x);
        Check.Close(NaiveRope.Forward(wide, positions, H, D, Theta, layout), turned, 4 * Check.Eps, "forward");
        Check.Close(NaiveRope.Forward(wide, positions, H, D, Theta, layout, -1), back, 4 * Check.Eps, "backward");
    }

    [Theory, InlineData(RopeLayout.Norm), InlineData(RopeLayout.Neox)]
    public void Turning_back_is_the_gradient(RopeLayout layout)
    {
        const int H = 2, D = 6;
        int[] positions = [0, 1, 77];
        double[] x = Sample.Wide(Sample.Normal(3 * H * D, 1)), dy = Sample.Wide(Sample.Normal(3 * H * D, 2));

        var dx = NaiveRope.Forward(dy, positions, H, D, Theta, layout, sign: -1);

        CentralDifference.Agrees(CentralDifference.Gradient(
            at => NaiveRope.Forward(at, positions, H, D, Theta, layout).Zip(dy, (y, d) => y * d).Sum(), x), dx, "dx");
    }

    [Theory, InlineData(RopeLayout.Norm), InlineData(RopeLayout.Neox)]
    public void The_golden_values_come_out(RopeLayout layout)
    {
        var golden = GoldenFile.Open("torch/piece_rope.safetensors");
        var positions = golden.Ints("positions");
        var H = golden.Shape("x")[2];
        var table = new RopeTable(positions.Max() + 1, (int)golden.Number("head_dim"), golden.Number("theta"));
        var half = table.D / 2;
        var name = layout == RopeLayout.Norm ? "norm" : "neox";
        float[] x = golden.Floats("x"), dx = golden.Floats("gout");
        using var pool = new WorkerPool(2);

        Rope.Forward(pool, x, positions, table, H, layout);
        Rope.Backward(pool, dx, positions, table, H, layout);

        float[] cos = [.. positions.SelectMany(t => table.Cos.Skip(t * half).Take(half))];
        float[] sin = [.. positions.SelectMany(t => table.Sin.Skip(t * half).Take(half))];
        Check.Close(golden.Floats("cos"), cos, 2 * Check.Eps, "cos");
        Check.Close(golden.Floats("sin"), sin, 2 * Check.Eps, "sin");
        Check.Close(golden.Floats($"{name}.y"), x, 1e-5, "y");
        Check.Close(golden.Floats($"{name}.grad.x"), dx, 1e-5, "grad.x");
    }

    [Fact]
    public void A_position_outside_the_table_is_refused()
    {
        using var pool = new WorkerPool(1);
        var table = new RopeTable(4, 8, Theta);
        foreach (var (length, position) in new[] { (8, 4), (8, -1), (9, 1) })
            Assert.Throws<ArgumentOutOfRangeException>(
                () => Rope.Forward(pool, new float[length], [position], table, 1, RopeLayout.Norm));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RopeTable(4, 7, Theta));
    }
}
