using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using Wisp.Agents;
using Wisp.Cli.Talk;
using Wisp.Kernel.Budgets;
using Wisp.Serve.Talk;
using Wisp.Tests.Serve;
using Wisp.Tests.Serve.Talk;
using Wisp.Tests.Train.Data;
using KernelOptions = Wisp.Kernel.KernelOptions;

namespace Wisp.Tests.Cli.Talk;

public sealed class ChatCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void One_prompt_is_answered_in_plain_text()
    {
        var run = CommandLineRun.Of("chat", "-m", LiveServer.ModelPath, "-p", "What is 12 * 34?", "-t", "0");
        Assert.Equal(0, run.Code);
        Assert.Contains("408", run.Output);
        Assert.DoesNotContain('\e', run.Output + run.Error);
        Assert.Matches(@"^\[calculator: 12 \* 34 = 408\]\n\[\d+ tokens", run.Error);
        Assert.Equal((0, ""), CommandLineRun.Of("chat", "-m", LiveServer.ModelPath, "-p", "Hello", "-q") is var quiet
            ? (quiet.Code, quiet.Error) : default);
    }

    [Theory]
    [InlineData("chat -m /none.gguf -p x", "/none.gguf: no such model file")]
    [InlineData("chat -p x -n 0", "--tokens is 0; it must be 1 or more.")]
    [InlineData("chat -p x --top-p 2", "--top-p is 2")]
    [InlineData("chat hello", "'hello' stands alone. Text goes after -p")]
    public void What_is_wrong_is_said_in_a_line(string line, string message)
    {
        var run = CommandLineRun.Of(line.Split(' '));
        Assert.NotEqual(0, run.Code);
        Assert.Contains(message, run.Error);
        Assert.Single(run.Error.TrimEnd().Split('\n'));
    }

    [Theory]
    [InlineData("/help", true)]
    [InlineData(" /set temperature 1", true)]
    [InlineData("/", true)]
    [InlineData("/etc/hosts is a file", false)]
    [InlineData("// a comment", false)]
    [InlineData("what / why", false)]
    public void A_line_is_a_command_only_where_it_looks_like_one(string text, bool isCommand) =>
        Assert.Equal(isCommand, SlashCommands.IsCommand(text));

    [Fact]
    public void Settings_are_changed_by_name_and_checked_at_once()
    {
        var changed = ChatSetting.Of("temp")!.Changed(new ChatSettings(), "0.5");
        Assert.Equal(0.5f, changed.Temperature);
        Assert.Null(ChatSetting.Of("temperature")!.Changed(changed, "-").Temperature);
        Assert.Null(ChatSetting.Of("heat"));
        Assert.Equal("top_p is 2; it must be between 0 and 1 (all tokens).",
            Assert.Throws<Wisp.Cli.UserException>(() => ChatSetting.Of("top-p")!.Changed(changed, "2")).Message);
        Assert.Equal("top_k takes a whole number, not '1.5'.",
            Assert.Throws<Wisp.Cli.UserException>(() => ChatSetting.Of("top_k")!.Changed(changed, "1.5")).Message);
    }

    [Fact]
    [Trait("cost", "medium")]
    public async Task On_a_terminal_Ctrl_C_stops_the_answer_and_history_and_conversation_outlive_the_program()
    {
        using (var first = Terminal())
        {
            await first.Until("Ctrl-D ends");
            first.Type("/set max_tokens 400\r");
            await first.Until("max_tokens is 400");
            // A base model goes on until it is stopped.
            first.Type("/model wisp-base\r");
            await first.Until("a base model");
            first.Type("The little fox\r");
            await first.Until("Ctrl-C stops");
            first.Type("\u0003");
            await first.Until("stopped");
            first.Type("/quit\r");
            Assert.Equal(0, await first.End());
            Assert.EndsWith("\e[?2004l", first.Raw[..(first.Raw.LastIndexOf("2004l", StringComparison.Ordinal) + 5)]);
        }

        using var second = Terminal("--continue");
        await second.Until("The little fox");
        second.Type("\e[A\e[A\r"); // the last but one entry
        await second.Until("› The little fox");
        await second.Until(" token");
        second.Type("\u0004");
        Assert.Equal(0, await second.End());
    }

    [Fact]
    [Trait("cost", "medium")]
    public async Task Beside_another_program_an_answer_runs_in_its_kernel_and_asks_at_the_prompt()
    {
        // A kernel that asks before any tool is called.
        await using var user = new UserKernel(_folder["user"], _folder["run/wisp/kernel.sock"]);
        await user.OpenAsync(ScriptedChat.Parts() with
        {
            Options = new KernelOptions
            {
                Limits = new Dictionary<Resource, Limit> { [Resource.ToolCalls] = new(High: 0, Max: null) },
            },
        });
        using var chat = Terminal("-t", "0");
        await chat.Until("Ctrl-D ends");
        chat.Type("What is 12 * 34?\r");
        await chat.Until("y/n");
        chat.Type("y");
        await chat.Until("= 408");
        await chat.Until(" tokens");
        // A yes lets it go on once.
        chat.Type("What is 2 + 3?\r");
        await chat.Until("y/n");
        chat.Type("\u0003");
        await chat.Until("stopped");
        // The keys are the editor's again, Ctrl-C too.
        chat.Type("\u0003");
        await chat.Until("Ctrl-C again or Ctrl-D ends");
        chat.Type("/quit\r");
        Assert.Equal(0, await chat.End());
    }

    private PseudoTerminal Terminal(params string[] arguments) => PseudoTerminal.Start(_folder.Path,
        ["chat", "-m", LiveServer.ModelPath, .. arguments]);
}

/// <summary>A program in a pseudo-terminal, which script(1) makes.</summary>
internal sealed partial class PseudoTerminal : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _raw = new();
    private readonly Task _reading;
    private int _seen;

    private PseudoTerminal(Process process)
    {
        _process = process;
        _reading = Task.Run(async () =>
        {
            var part = new char[4096];
            for (int count; (count = await process.StandardOutput.ReadAsync(part)) > 0;)
                lock (_raw)
                    _raw.Append(part, 0, count);
        });
    }

    public string Raw
    {
        get
        {
            lock (_raw)
                return _raw.ToString();
        }
    }

    public static PseudoTerminal Start(string folder, string[] arguments)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || !File.Exists("/usr/bin/script"), "script(1) is not installed");
        var program = Path.Combine(AppContext.BaseDirectory, "wisp.dll");
        // Whoever runs the tests in the background has Ctrl-C ignored, and children inherit that.
        var line = "stty cols 100 rows 30; exec env --default-signal=INT dotnet " +
            string.Join(' ', arguments.Prepend(program).Select(word => $"'{word}'"));
        var start = new ProcessStartInfo("/usr/bin/script", ["-qefc", line, "/dev/null"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, StandardOutputEncoding = Encoding.UTF8,
            Environment =
            {
                ["XDG_DATA_HOME"] = folder, ["XDG_RUNTIME_DIR"] = Path.Combine(folder, "run"),
                ["TERM"] = "xterm-256color",
            },
        };
        return new PseudoTerminal(Process.Start(start)!);
    }

    public void Type(string keys)
    {
        _process.StandardInput.Write(keys);
        _process.StandardInput.Flush();
    }

    /// <summary>Waits until a text is there that was not there before; the program's end ends the waiting.</summary>
    public async Task Until(string text)
    {
        while (true)
        {
            var ended = _reading.IsCompleted;
            var plain = Controls().Replace(Raw, "");
            if (plain.IndexOf(text, _seen, StringComparison.Ordinal) is >= 0 and var at)
            {
                _seen = at + text.Length;
                return;
            }

            Assert.False(ended, $"'{text}' never came:\n{plain}");
            await Task.Delay(20);
        }
    }

    public async Task<int> End()
    {
        await _process.WaitForExitAsync();
        await _reading;
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    [GeneratedRegex(@"\e\[[?0-9;]*[A-Za-z]|\e[=>]|\e\][^\a]*\a")]
    private static partial Regex Controls();
}
