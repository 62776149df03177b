using Wisp.Model;

namespace Wisp.Tests.Model;

public class RopeScalingTests
{
    [Fact]
    public void Without_scaling_the_frequencies_are_RoFormers()
    {
        var (frequencies, magnitude) = RopeScaling.None.Frequencies(10_000, 16, []);
        Assert.Equal(1, magnitude);
        for (var p = 0; p < 8; p++)
            Assert.Equal(Math.Pow(10_000, -p / 8.0), frequencies[p], 1e-15);
    }

    [Fact]
    public void Linear_scaling_and_factors_divide()
    {
        float[] factors = [1, 2, 3, 4];
        var (frequencies, _) = new RopeScaling(8, 0).Frequencies(10_000, 8, factors);
        for (var p = 0; p < 4; p++)
            Assert.Equal(Math.Pow(10_000, -p / 4.0) / (8 * factors[p]), frequencies[p], 1e-15);
        Assert.Throws<ArgumentException>(() => RopeScaling.None.Frequencies(10_000, 8, [1, 2]));
    }

    [Fact]
    public void YaRN_keeps_fast_pairs_and_stretches_slow_ones()
    {
        var scaling = new RopeScaling(4, 4096) { Yarn = true };
        var (frequencies, magnitude) = scaling.Frequencies(10_000, 128, []);
        var (plain, _) = RopeScaling.None.Frequencies(10_000, 128, []);
        Assert.Equal(1 + (0.1 * Math.Log(4)), magnitude, 1e-6);
        // 64 pairs: those with over 32 turns in 4,096 tokens stay (up to pair 20), those with under 1 are divided by 4
        // (from pair 46 on), and between them the share of the first falls.
        for (var p = 0; p < 64; p++)
        {
            var ratio = plain[p] / frequencies[p];
            var turns = 4096 * plain[p] / (2 * Math.PI);
            Assert.InRange(ratio, 1, 4 + 1e-9);
            if (turns > 40)
                Assert.Equal(1, ratio, 1e-9);
            if (turns < 0.8)
                Assert.Equal(4, ratio, 1e-9);
            if (p > 0)
                Assert.True(ratio >= (plain[p - 1] / frequencies[p - 1]) - 1e-12);
        }
    }

    [Theory]
    [InlineData(0, 10, false), InlineData(-1, 10, false), InlineData(float.NaN, 10, false), InlineData(2, 0, true)]
    public void Impossible_scalings_are_argument_faults(float factor, int original, bool yarn) =>
        Assert.Throws<ArgumentException>(() => new RopeScaling(factor, original) { Yarn = yarn }.Check());
}
