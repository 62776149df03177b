using System.Text.Json;
using Wisp.Guard;
using Wisp.Kernel;
using Wisp.Tools;

namespace Wisp.Tests.Kernel.Tools;

public sealed class CalculatorTests
{
    private static SysResult Call(string body) => new Calculator().CallAsync(
        new DriverCall("k", new Pid(1), Verb.Call, "/", body, Label.Public), default).AsTask().Result;

    private static SysResult Ask(string expression) =>
        Call(JsonSerializer.Serialize(new Dictionary<string, string> { ["expression"] = expression }));

    [Theory]
    [InlineData("1 + 2 * 3", "7"), InlineData("(1 + 2) * 3", "9"), InlineData("-2^2", "-4"), InlineData("2^3^2", "512")]
    [InlineData("0.1 + 0.2", "0.3"), InlineData("1/3", "1/3 (about 0.333333333333)"), InlineData("2/3*3", "2")]
    [InlineData("10 - 3 - 2", "5"), InlineData("100 / 8 / 2", "6.25"), InlineData("7 % 3", "1"),
        InlineData("-7 % 3", "2")]
    [InlineData("15% of 80", "12"), InlineData("50%", "0.5"), InlineData("1,234 * 2", "2468"),
        InlineData("2**10 =", "1024")]
    [InlineData("2^-2", "0.25"), InlineData("--5", "5"), InlineData("3 × 4 ÷ 6 − 1", "1")]
    [InlineData(".5 + 1.", "1.5")]
    [InlineData("-1/8", "-0.125"), InlineData("-2/3", "-2/3 (about -0.666666666667)"), InlineData("0^0", "1")]
    [InlineData("99999999999999999999 + 1", "100000000000000000000")]
    public void Sums_are_exact(string expression, string result) => Assert.Equal(result, Ask(expression).Text);

    [Theory]
    [InlineData("1/0", "divided by zero"), InlineData("0^-1", "divided by zero"),
        InlineData("9^9^9^9", "20,000 digits")]
    [InlineData("2^0.5", "no exact value"), InlineData("1 +", "ends where a number"), InlineData("(1", "parenthesis")]
    [InlineData("sqrt(2)", "names and functions are not known"), InlineData("", "ends where a number")]
    [InlineData("1 2", "position 3"), InlineData("5 % 0", "divided by zero")]
    public void What_cannot_be_computed_has_a_reason(string expression, string reason)
    {
        var result = Ask(expression);
        Assert.Equal(SysStatus.Malformed, result.Status);
        Assert.Contains(reason, result.Text);
    }

    [Theory]
    [InlineData("[]"), InlineData("{"), InlineData("{}"), InlineData("""{"expression": 7}"""),
        InlineData("""{"expression": "\ud800"}""")]
    public void Arguments_that_are_none_are_refused(string body) =>
        Assert.Equal(SysStatus.Malformed, Call(body).Status);

    [Fact]
    public void Hostile_texts_end_quickly()
    {
        foreach (var text in (string[])[new string('(', 4000), new string('-', 4000) + "1", new string('9', 4096),
            string.Concat(Enumerable.Repeat("9^", 2000)) + "9", string.Concat(Enumerable.Repeat("1/7+", 1000)) + "1",
            "1" + new string('0', 4000) + "^99999", string.Concat(Enumerable.Repeat("(2^", 90)) + "9"])
            Assert.True(Ask(text).Text.Length < 30_000);
    }
}
