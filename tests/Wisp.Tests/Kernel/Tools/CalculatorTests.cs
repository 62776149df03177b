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
    [InlineData("1 + 2 * 3", "7"), InlineData("0.1 + 0.2", "0.3"), InlineData("1/3", "about 0.3333333333")]
    public void Sums_are_worked_out(string expression, string result) => Assert.Equal(result, Ask(expression).Text);

    [Theory]
    [InlineData("1/0"), InlineData("1 +"), InlineData("sqrt(2)"), InlineData(""), InlineData("9^9^9^9")]
    public void What_cannot_be_computed_has_a_reason(string expression)
    {
        var result = Ask(expression);
        Assert.Equal(SysStatus.Malformed, result.Status);
        Assert.StartsWith("the calculator cannot read this: ", result.Text);
    }

    [Theory]
    [InlineData("[]"), InlineData("{"), InlineData("{}"), InlineData("""{"expression": 7}"""),
        InlineData("""{"expression": "\ud800"}""")]
    public void Arguments_that_are_none_are_refused(string body) =>
        Assert.Equal(SysStatus.Malformed, Call(body).Status);
}
