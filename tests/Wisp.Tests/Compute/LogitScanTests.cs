using Wisp.Compute;

namespace Wisp.Tests.Compute;

public class LogitScanTests
{
    [Theory]
    [InlineData(1), InlineData(7), InlineData(16), InlineData(64), InlineData(65), InlineData(257)]
    public void Every_pass_agrees_with_the_definition(int n)
    {
        var x = Sample.Normal(n, n, 4);
        x[n / 2] = float.NegativeInfinity;
        var max = new float[LogitScan.Blocks(n)];
        LogitScan.BlockMax(max, x);
        Assert.Equal(x.Chunk(LogitScan.BlockFloats).Select(block => block.Max()), max);

        var ids = new int[n];
        foreach (var floor in new[] { -3f, 0f, x.Max(), 100f, float.MinValue, float.NegativeInfinity })
        {
            int[] expected = [.. Enumerable.Range(0, n).Where(i => x[i] >= floor)];
            Assert.Equal(expected, ids[..LogitScan.AtLeast(ids, x, floor)]);
        }

        float[] divided = [.. x];
        LogitScan.Divide(divided, 0.7f);
        Assert.Equal(x.Select(z => z / 0.7f), divided);
        if (n == 1)
            return;
        var y = new float[n];
        var sum = LogitScan.Exp(y, x, x.Max());
        double[] powers = [.. x.Select(z => Math.Exp((double)(z - x.Max())))];
        Check.Close(powers, y, 2 * Check.Eps);
        Assert.Equal(powers.Sum(), sum, 2 * Check.Eps * powers.Sum());
        Assert.Equal(0, y[n / 2]);
        Assert.Equal(sum, LogitScan.Exp(x, x, x.Max())); // in place
        Assert.Equal(y, x);
    }

    [Theory]
    [InlineData(1), InlineData(7), InlineData(16), InlineData(64), InlineData(65), InlineData(257)]
    public void A_broken_score_is_found_wherever_it_stands(int n)
    {
        var x = Sample.Normal(n, n, 4);
        x[0] = float.NegativeInfinity;
        Assert.Equal(-1, LogitScan.FirstBroken(x));
        foreach (var broken in new[] { float.NaN, float.PositiveInfinity })
        {
            float[] y = [.. x];
            for (var i = n - 1; i >= 0; i--) // the first of ever more
            {
                y[i] = broken;
                Assert.Equal(i, LogitScan.FirstBroken(y));
            }
        }
    }
}
