using Wisp.Train.Report;

namespace Wisp.Tests.Train.Report;

public class AxisTests
{
    [Theory]
    [InlineData(0, 0.003, "0 0.001 0.002 0.003")]
    [InlineData(0, 34_900, "0 10k 20k 30k 40k")]
    [InlineData(1.43, 2.61, "1.25 1.50 1.75 2.00 2.25 2.50 2.75")]
    [InlineData(0, 3e-4, "0 1e−4 2e−4 3e−4")]
    [InlineData(-3, 4, "-4 -2 0 2 4")]
    public void Values_get_round_ticks_that_enclose_them(double min, double max, string labels)
    {
        var axis = Axis.Linear(min, max, wanted: 5);
        Assert.Equal(labels, string.Join(' ', axis.Ticks.Select(axis.Label)));
        Assert.InRange(axis.At(min), 0, 1);
        Assert.InRange(axis.At(max), 0, 1);
    }

    [Theory]
    [InlineData(1.9, 8.4, "2 2.5 3 4 5 6 8")]
    [InlineData(0.02, 900, "0.1 1 10 100")]
    public void A_wide_spread_is_logarithmic(double min, double max, string labels)
    {
        var axis = Axis.Spread(min, max, wanted: 5);
        Assert.Equal(labels, string.Join(' ', axis.Ticks.Select(axis.Label)));
        // Equal ratios are equal distances.
        Assert.Equal(axis.At(4) - axis.At(2), axis.At(8) - axis.At(4), 12);
    }

    [Theory]
    [InlineData(0, "0 1"), InlineData(1, "0 1"), InlineData(12, "0 5 10"), InlineData(6000, "0 2000 4000 6000")]
    [InlineData(20_000, "0 5k 10k 15k 20k")]
    public void Steps_are_whole_numbers(int last, string labels)
    {
        var axis = Axis.Whole(last, wanted: 5);
        Assert.Equal(labels, string.Join(' ', axis.Ticks.Select(axis.Label)));
    }

    [Theory]
    [InlineData(0), InlineData(-2), InlineData(1e-9), InlineData(1e12)]
    public void One_single_value_lies_in_the_middle_of_some_range(double value)
    {
        var axis = Axis.Spread(value, value, wanted: 5);
        Assert.InRange(axis.At(value), 0.2, 0.8);
        Assert.InRange(axis.Ticks.Count, 2, 12);
    }
}
