using Wisp.Compute;

namespace Wisp.Tests.Compute;

public class RooflineTests
{
    // Bounds that any machine keeps, of the last ten years or the next; the point is units and orders of magnitude.
    [Fact]
    public void The_roofs_are_numbers_a_machine_could_have()
    {
        using var pool = new WorkerPool(2);
        var flops = Roofline.FmaPeak(pool, TimeSpan.Zero);
        var bytes = Roofline.ReadBandwidth(pool, TimeSpan.Zero);
        TestContext.Current.TestOutputHelper!.WriteLine($"{flops / 1e9:f0} GFLOP/s, {bytes / 1e9:f1} GB/s");
        Assert.InRange(flops, 1e6, 1e13); // 1e6: FMA in software, when the tests run without hardware intrinsics
        Assert.InRange(bytes, 1e7, 1e13);
    }
}
