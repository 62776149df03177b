using System.Diagnostics;
using Wisp.Serve;
using Wisp.Train.Report;

namespace Wisp.Tests.Serve;

/// <summary>The official clients for JavaScript, from npm, as their users run them.</summary>
public class NpmClientTests
{
    [Theory, Trait("cost", "medium")]
    [InlineData("openai", 13)]
    [InlineData("ollama", 12)]
    public async Task The_client_from_npm_is_served(string client, int steps)
    {
        var node = Compression.OnPath("node");
        if (node is null)
            Assert.Skip("node is not installed");
        var modules = Path.Combine(LiveServer.Root, ".tools", "npm", "node_modules");
        if (!Directory.Exists(Path.Combine(modules, client)))
            Assert.Skip($"the npm package '{client}' is not in .tools/npm, where ./check installs it");

        await using var server = await LiveServer.Open(new ServeOptions(), new ListenOptions { ApiKeys = ["the-key"] });
        var start = new ProcessStartInfo(node,
        [
            Path.Combine(LiveServer.Root, "tests", "Wisp.Tests", "Serve", "Clients", $"{client}.cjs"),
            server.Server.Address.ToString().TrimEnd('/'), "the-key",
        ])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
            Environment = { ["NODE_PATH"] = modules, ["NO_PROXY"] = "*" },
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"done were: {output}\n{await error}");
        Assert.Equal(steps, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        while (server.Engine.Use.Used > 0) // also after the answers that the client aborted
            await Task.Yield();
    }
}
