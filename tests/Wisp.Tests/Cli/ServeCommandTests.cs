using System.Diagnostics;
using System.Text.RegularExpressions;
using Wisp.Cli;
using Wisp.Tests.Serve;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Cli;

public partial class ServeCommandTests
{
    [Theory]
    [InlineData("--port 99999", "--port is 99999; it must be 0 (a free one) to 65535.")]
    [InlineData("--host nowhere.example", "--host is 'nowhere.example'; it must be an address")]
    [InlineData("--host 192.0.2.1 --port 0", "192.0.2.1:0 cannot be listened on")]
    [InlineData("--models /none", "--models /none: no such folder. Check the name.")]
    [InlineData("--queue -1", "--queue is -1; it must be 0 or more")]
    [InlineData("--parallel 0", "--parallel is 0; it must be 1 or more")]
    [InlineData("--idle NaN", "--idle is NaN; it must be 0 (for ever) or more minutes.")]
    [InlineData("--kv f7", "--kv is 'f7'")]
    [InlineData("--api-key ", "--api-key is empty")]
    [InlineData("-m /none.gguf", "/none.gguf: no such model file")]
    public void A_value_that_cannot_be_is_one_clear_line(string arguments, string says)
    {
        var run = CommandLineRun.Of(["serve", .. arguments.Split(' ')]);
        Assert.Equal(1, run.Code);
        Assert.StartsWith($"wisp: {says}", run.Error);
        Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("--host ::1", true)]
    [InlineData("--host 0.0.0.0", false)]
    [InlineData("--allow-host chat.example", false)]
    public void Files_are_offered_where_only_this_machine_can_ask(string words, bool offers)
    {
        var command = new Verb("serve", "", "Use");
        var arguments = new ServeArguments(command);
        var parse = command.Parse(["-m", LiveServer.ModelPath, .. words.Split(' ',
            StringSplitOptions.RemoveEmptyEntries)]);
        Assert.Equal(offers, arguments.Options(parse).OffersFiles);
    }

    [Fact]
    public void The_help_names_what_matters()
    {
        var help = CommandLineRun.Good("serve", "--help");
        foreach (var option in (string[])["--models DIR", "--port N", "--api-key KEY", "--cors ORIGIN", "--queue N",
            "--log-content", "WISP_API_KEY"])
            Assert.Contains(option, help);
        Assert.DoesNotContain("--lora", help);
    }

    [Fact, Trait("cost", "medium")]
    public async Task It_says_where_it_is_and_Ctrl_C_ends_it_after_the_last_answer()
    {
        using var folder = new TempFolder();
        var start = CtrlC.Program("serve", "--port", "0", "-m", LiveServer.ModelPath, "--quiet");
        start.Environment["XDG_DATA_HOME"] = folder.Path; // the user's own conversations stay closed
        start.Environment["XDG_RUNTIME_DIR"] = folder["run"];
        using var process = Process.Start(start)!;
        try
        {
            using var http = new HttpClient { BaseAddress = await Ready(process) };
            var body = LiveServer.Body("""
                {"messages": [{"role": "user", "content": "Tell me a story."}], "max_tokens": 60, "stream": true}
                """);
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = body };
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            CtrlC.Press(process);
            Assert.EndsWith("data: [DONE]\n\n", await response.Content.ReadAsStringAsync());
            Assert.Contains("finishing", await process.StandardError.ReadToEndAsync());
            await process.WaitForExitAsync();
            Assert.Equal(0, process.ExitCode);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    [Fact, Trait("cost", "medium")]
    public void A_model_that_cannot_be_read_is_one_clear_line()
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.gguf");
        File.WriteAllText(path, "no model");
        try
        {
            var run = CommandLineRun.Of("serve", "--port", "0", "-m", path, "--quiet");
            Assert.Equal(1, run.Code);
            Assert.Contains("is not a GGUF file", run.Error);
            Assert.DoesNotContain("fault in wisp itself", run.Error);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Where a server is that has just been started, once it says that it is ready.</summary>
    internal static async Task<Uri> Ready(Process process)
    {
        var said = new List<string>();
        while (said.Count == 0 || !said[^1].Contains("Ctrl-C", StringComparison.Ordinal))
            said.Add(await process.StandardError.ReadLineAsync() ?? throw new InvalidOperationException(
                $"it ended: {string.Join('\n', said)}"));
        var text = string.Join('\n', said);
        Assert.Contains("ready: wisp-chat, context ", text);
        return new Uri(Address().Match(text).Value);
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex Address();
}
