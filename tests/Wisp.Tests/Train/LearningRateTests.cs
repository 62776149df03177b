using Wisp.Tests.Golden;
using Wisp.Train;

namespace Wisp.Tests.Train;

public class LearningRateTests
{
    [Theory]
    [InlineData("wsd_linear", WarmDown.Linear, 12), InlineData("wsd_sqrt", WarmDown.Sqrt, 12)]
    [InlineData("wsd_cosine", WarmDown.Cosine, 12), InlineData("cosine", WarmDown.Cosine, 35)]
    [InlineData("linear", WarmDown.Linear, 35)]
    public void The_golden_schedules_come_out(string name, WarmDown curve, int warmDownSteps)
    {
        var golden = GoldenFile.Open("torch/lr_schedules.safetensors");
        double Number(string key) => double.Parse(golden.Metadata[key]);
        var rate = new LearningRate(
            Number("lr_max"), Number("lr_min"), (int)Number("total_steps"), (int)Number("warmup_steps"),
            warmDownSteps, curve);

        var expected = golden.Floats(name);
        foreach (var step in golden.Ints("step"))
            Assert.Equal(expected[step], (float)rate.At(step));
    }

    [Theory]
    [InlineData(0.9, 0.5), InlineData(1.0, 1.0), InlineData(0.0, 1.0), InlineData(0.3, 0.0)]
    public void The_warm_down_never_starts_before_the_warm_up_ends(double warmUp, double warmDown)
    {
        var rate = LearningRate.Of(1e-3, 100, warmUp, warmDown, finalFraction: 0.1);
        Assert.True(rate.WarmDownStart >= rate.WarmUpSteps);
        Assert.Equal(Math.Min(rate.WarmDownSteps, (int)(100 * warmDown)), rate.WarmDownSteps);
        var direct = new LearningRate(1e-3, 1e-4, 100, 90, 50);
        Assert.Equal(10, direct.WarmDownSteps);
        Assert.Equal(90, direct.WarmDownStart);
    }

    [Fact]
    public void Rates_rise_stay_and_fall_and_never_leave_their_bounds()
    {
        var rate = LearningRate.Of(peak: 2e-3, steps: 97, 0.1, 0.4, finalFraction: 0.05);
        Assert.True(rate.At(0) > 0);
        Assert.Equal(2e-3, rate.At(rate.WarmUpSteps - 1));
        Assert.Equal(2e-3, rate.At(rate.WarmDownStart));
        Assert.Equal(1e-4, rate.At(97), 1e-18);
        for (var s = 1; s < 110; s++)
            Assert.True(s < rate.WarmUpSteps ? rate.At(s) > rate.At(s - 1) : rate.At(s) <= rate.At(s - 1), $"step {s}");
    }

    [Theory, InlineData(0), InlineData(1), InlineData(2)]
    public void Tiny_budgets_have_finite_rates(int steps)
    {
        var rate = LearningRate.Of(1e-3, steps, 0.02, 0.5, 0.1);
        for (var s = 0; s < 4; s++)
            Assert.InRange(rate.At(s), 1e-4, 1e-3);
    }

    [Theory, InlineData(-0.1), InlineData(1.5), InlineData(double.NaN)]
    public void Fractions_outside_0_to_1_are_refused(double fraction) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRate.Of(1e-3, 100, fraction, 0.5, 0.1));
}
