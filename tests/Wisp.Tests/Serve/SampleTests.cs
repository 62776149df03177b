using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Wisp.Tests.Serve;

public partial class SampleTests
{
    [Fact, Trait("cost", "medium")]
    public async Task The_sample_answers_to_its_own_page_and_to_OpenAI()
    {
        var program = Path.Combine(LiveServer.Root, "artifacts", "bin", "WebApp", "release", "WebApp.dll");
        if (!File.Exists(program))
            Assert.Skip($"{program} is not built");
        var start = new ProcessStartInfo("dotnet", [program, LiveServer.ModelPath, "http://127.0.0.1:0"])
        {
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        try
        {
            string? address = null;
            while (address is null && await process.StandardOutput.ReadLineAsync() is { } line)
                address = Listening().Match(line) is { Success: true } match ? match.Value : null;
            using var http = new HttpClient { BaseAddress = new Uri(address!) };
            Assert.Equal("Point an OpenAI client at /v1.", await http.GetStringAsync("/"));
            using var response = await http.PostAsync("/v1/chat/completions", LiveServer.Body(
                """{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5}"""));
            var reply = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
            Assert.Equal("chat.completion", (string)reply["object"]!);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex Listening();
}
