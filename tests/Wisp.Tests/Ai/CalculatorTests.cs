using System.Numerics;
using Wisp.Ai.Arithmetic;

namespace Wisp.Tests.Ai;

public class CalculatorTests
{
    [Theory]
    [InlineData("12 * 34", "408")]
    [InlineData("0.1 + 0.2", "0.3")]
    [InlineData("7/8", "0.875")]
    [InlineData("2 + 3 * 4 - (5 - 6)", "15")]
    [InlineData("-2^2", "-4")]
    [InlineData("(-2)**3", "-8")]
    [InlineData("2^3^2", "512")]
    [InlineData("2^-3", "0.125")]
    [InlineData("2 * -3", "-6")]
    [InlineData("12 × 3 ÷ 4 − 1", "8")]
    [InlineData("1,234,567 + 1", "1234568")]
    [InlineData("17 % 5", "2")]
    [InlineData("-17 % 5", "3")]
    [InlineData("20% of 50", "10")]
    [InlineData("50 + 10%", "50.1")]
    [InlineData(".5 + 1.", "1.5")]
    [InlineData("0 * -1", "0")]
    [InlineData("(-1)^99999999999999999999", "-1")]
    [InlineData("99999999999999999999 * 99999999999999999999", "9999999999999999999800000000000000000001")]
    public void Results_are_exact(string expression, string result) =>
        Assert.Equal(new Sum(result, IsExact: true), Calculator.Work(expression));

    [Theory]
    [InlineData("1 / 3", "0.3333333333")]
    [InlineData("-2 / 3", "-0.6666666667")]
    [InlineData("1 / 3 * 3 + 1 / 7", "1.1428571429")]
    [InlineData("1 / 30000000000001", "0")]
    public void Decimals_that_never_end_are_rounded_once(string expression, string result) =>
        Assert.Equal(new Sum(result, IsExact: false), Calculator.Work(expression));

    [Theory]
    [InlineData("", "the expression is empty")]
    [InlineData("1 / 0", "divided by zero")]
    [InlineData("0 ^ -1", "divided by zero")]
    [InlineData("5 % (2 - 2)", "divided by zero")]
    [InlineData("1 +", "ends too early")]
    [InlineData("(1", "a bracket is not closed")]
    [InlineData("1 2", "'2' at character 3 is not understood")]
    [InlineData("two + 2", "'t' at character 1")]
    [InlineData("1,23 + 1", "',' at character 2")]
    [InlineData(".", "'.' at character 1")]
    [InlineData("2 ^ 0.5", "an exponent must be a whole number")]
    [InlineData("9^9^9", "too large")]
    [InlineData("10^9999 * 10^9999", "too large")]
    public void What_is_no_sum_is_said_to_be_none(string expression, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => Calculator.Work(expression)).Message);

    [Theory]
    [InlineData("1 / 3", "0.3333333333")]
    [InlineData("abs(2)", "error: 'a' at character 1 is not understood")]
    [InlineData(null, "error: expression must be a text")]
    public void A_reply_is_the_result_or_what_is_wrong(string? expression, string reply) =>
        Assert.Equal(reply, Calculator.Reply(expression));

    [Fact]
    public void Depth_and_length_are_bounded()
    {
        foreach (var hostile in new[] { new string('(', 900), new string('-', 900) + "1", new string('1', 1001) })
            Assert.Throws<FormatException>(() => Calculator.Work(hostile));
    }

    [Fact]
    public void Random_sums_agree_with_fractions_of_whole_numbers()
    {
        var random = new Random(5);
        for (var i = 0; i < 2000; i++)
        {
            // The definition: numerator over denominator, and the decimal text read back as such.
            BigInteger a = random.Next(-999, 1000), b = random.Next(1, 999), c = random.Next(-999, 1000);
            var sum = Calculator.Work($"({a}) * ({c}) / 2^{(int)b % 9} - {b}.25");
            var power = BigInteger.Pow(2, (int)b % 9);
            var (numerator, denominator) = ((4 * a * c) - (((4 * b) + 1) * power), 4 * power);
            Assert.True(sum.IsExact);
            var point = sum.Text.IndexOf('.');
            var scale = BigInteger.Pow(10, point < 0 ? 0 : sum.Text.Length - point - 1);
            Assert.Equal(numerator * scale, BigInteger.Parse(sum.Text.Replace(".", "")) * denominator);
        }
    }
}
