using System.Text.Json;
using Wisp.Agents;
using Wisp.Kernel;

namespace Wisp.Tests.Kernel.Tools;

public sealed class ToolListTests
{
    [Fact]
    public void Every_function_is_one_line_of_json_that_the_kernel_knows()
    {
        IReadOnlyList<string> all = [.. ToolList.Calculator, .. ToolList.Files, .. ToolList.Processes];
        Assert.All(all, line => Assert.DoesNotContain('\n', line));
        foreach (var line in all)
        {
            using var function = JsonDocument.Parse(line);
            var parameters = function.RootElement.GetProperty("function").GetProperty("parameters");
            // A call with the required members is a call.
            var arguments = parameters.GetProperty("required").EnumerateArray().ToDictionary(name => name.GetString()!,
                name => parameters.GetProperty("properties").GetProperty(name.GetString()!).GetProperty(
                    "type").GetString()
                    == "integer" ? (object)7 : "/x");
            var name = function.RootElement.GetProperty("function").GetProperty("name").GetString()!;
            var parsed = CallParser.Parse(new Pid(1), World.Call(name, JsonSerializer.Serialize(arguments)),
                (_, _) => Effect.Pure);
            Assert.NotNull(Assert.Single(parsed.Calls).Call);
        }
    }

    [Fact]
    public void The_list_stands_after_the_instructions() => Assert.Equal(
        $"Be kind.\n\nYou may call these functions:\n<tools>\n{ToolList.Calculator[0]}\n</tools>",
        ToolList.With("Be kind. \n", ToolList.Calculator));
}
