using Wisp.Train.Report;

namespace Wisp.Tests.Train.Report;

public class HumanTests
{
    [Theory]
    [InlineData(0, "0"), InlineData(950, "950"), InlineData(999.6, "1.00k"), InlineData(12_345, "12.3k")]
    [InlineData(-4_560_000, "-4.56M"), InlineData(99_960, "100k")]
    [InlineData(2.5, "2.50"), InlineData(double.NaN, "NaN")]
    public void Short_numbers_have_three_digits(double value, string text) => Assert.Equal(text, Human.Short(value));

    [Theory]
    [InlineData(0, "0 B"), InlineData(2048, "2.05 kB"), InlineData(7_245_312, "7.25 MB")]
    public void Bytes_are_decimal(double value, string text) => Assert.Equal(text, Human.Bytes(value));

    [Theory]
    [InlineData(0, "0.0 s"), InlineData(9.96, "10 s"), InlineData(59.7, "1 min 00 s")]
    [InlineData(3600, "1 h 00 min"), InlineData(183_600, "2 d 03 h")]
    public void Times_have_two_units(double seconds, string text) =>
        Assert.Equal(text, Human.Time(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData(0, "0"), InlineData(0.02, "0.02"), InlineData(3e-4, "3e-4"), InlineData(1.5e-5, "1.5e-5")]
    public void Small_numbers_keep_their_size(double value, string text) => Assert.Equal(text, Human.Small(value));
}
