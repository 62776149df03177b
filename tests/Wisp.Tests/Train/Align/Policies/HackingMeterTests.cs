using Wisp.Train.Align.Policies;

namespace Wisp.Tests.Train.Align.Policies;

public sealed class HackingMeterTests
{
    private const int Steps = 200;

    // The first step after which the meter stops a run of such rewards and judges; null where it never does.
    private static int? StopOf(Func<double, double> reward, Func<double, double> judge, double noise, int seed)
    {
        var random = new Random(seed);
        double Noise() => noise * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()))
            * Math.Cos(2 * Math.PI * random.NextDouble());
        using var meter = new HackingMeter(Steps, window: 10);
        for (var step = 0; step < Steps; step++)
        {
            var part = (double)step / Steps;
            meter.Add(step, reward(part) + Noise(), judge(part) + Noise());
            if (meter.Parted(step + 1) is not null)
                return step + 1;
        }

        return null;
    }

    [Fact]
    public void A_reward_that_rises_while_the_judge_falls_stops_the_run()
    {
        for (var seed = 0; seed < 20; seed++)
            Assert.InRange(StopOf(x => x, x => 1 - x, 0.05, seed) ?? int.MaxValue, 20, Steps / 2);
    }

    [Fact]
    public void A_judge_that_turns_after_it_rose_stops_the_run_too()
    {
        for (var seed = 0; seed < 20; seed++)
            Assert.InRange(
                StopOf(x => x, x => x < 0.5 ? x : 1 - x, 0.03, seed) ?? int.MaxValue, Steps / 2, Steps);
    }

    [Fact]
    public void While_both_rise_or_nothing_happens_but_noise_the_run_goes_on()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            Assert.Null(StopOf(x => x, x => x, 0.2, seed));
            Assert.Null(StopOf(x => x, _ => 0.5, 0.2, seed));
            Assert.Null(StopOf(_ => 0.5, _ => 0.5, 0.2, seed));
            Assert.Null(StopOf(x => -x, x => -x, 0.2, seed)); // worse in both: a bad run, but nobody is deceived
        }
    }

    [Fact]
    public void A_window_of_0_stops_nothing()
    {
        using var meter = new HackingMeter(100, window: 0);
        for (var step = 0; step < 100; step++)
            meter.Add(step, step, -step);
        Assert.Null(meter.Parted(100));
    }
}
