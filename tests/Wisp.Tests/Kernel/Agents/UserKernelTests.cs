using Microsoft.Extensions.AI;
using Wisp.Agents;
using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Kernel.Remote;
using Wisp.Serve.Store;
using Wisp.Serve.Talk;
using Wisp.Tests.Serve.Talk;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Kernel.Agents;

/// <summary>Programs of one user beside each other: one hosts the kernel, the others connect to it.</summary>
public sealed class UserKernelTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly List<string> _told = [];

    private string Socket => _folder["run/k.sock"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_second_program_runs_its_answers_in_the_kernel_of_the_first()
    {
        await using UserKernel first = New(), second = New();
        Assert.IsType<LocalKernel>(await first.OpenAsync(ScriptedChat.Parts()));
        var kernel = await second.OpenAsync(ScriptedChat.Parts());
        Assert.IsType<FarKernel>(kernel);
        Directory.CreateDirectory(_folder["drafts"]);
        Toolbox.Table(_folder.Path).Add(new Wisp.Mounts.FolderGrant("/drafts", _folder["drafts"], CanWrite: true));
        await kernel.ReloadAsync();

        using var client = new ScriptedChat((messages, _) => messages.Count switch
        {
            1 => [new TextContent("Well."), ScriptedChat.Call("calculator", ("expression", "6*7"))],
            3 => [ScriptedChat.Call("fs.write", ("path", "/drafts/a"), ("text", "42"))],
            _ => [new TextContent("It is 42.")],
        });
        var asked = 0;
        var answer = await Read(client, kernel, async answer =>
        {
            if (answer.Ask is not { } ask)
                return;
            asked++;
            using var other = KernelClient.TryConnect(Socket)!;
            var reply = await other.SendAsync(new KernelRequest(KernelOp.Ps));
            Assert.Equal("a question", Assert.Single(reply.Processes!).Name);
            Assert.Equal(ask, Assert.Single(reply.Asks!));
            await kernel.AnswerAsync(ask.Number, yes: true);
        });
        Assert.Equal(1, asked);
        Assert.Equal(MessageState.Whole, answer.State);
        Assert.Equal(["Well.", "42", "2 bytes were written to /drafts/a.", "It is 42."],
            answer.Parts.Select(part => part.Text));
        Assert.Equal("42", File.ReadAllText(_folder["drafts/a"]));
        Assert.Empty(_told);
    }

    [Fact]
    public async Task A_process_in_the_other_program_is_killed_there_and_ends_with_its_reader()
    {
        await using UserKernel first = New(), second = New();
        await first.OpenAsync(ScriptedChat.Parts());
        var kernel = await second.OpenAsync(ScriptedChat.Parts());
        using var client = new ScriptedChat((_, _) => [new TextContent("Once upon"), null]);
        using var other = KernelClient.TryConnect(Socket)!;
        var answer = await Read(client, kernel, async _ => await other.SendAsync(
            new KernelRequest(KernelOp.Signal) { Pid = 1, Signal = Signal.Term }));
        Assert.Equal((MessageState.Stopped, "Once upon"), (answer.State, Assert.Single(answer.Parts).Text));

        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Read(client, kernel, async _ => await stop.CancelAsync(), stop.Token));
        Assert.Equal(137, (await other.SendAsync(new KernelRequest(KernelOp.Wait) { Pid = 2 })).Exit!.Code);
    }

    [Fact]
    public async Task A_program_that_goes_away_takes_its_processes_along()
    {
        await using var first = New();
        await first.OpenAsync(ScriptedChat.Parts());
        using var other = KernelClient.TryConnect(Socket)!;
        int pid;
        using (var lender = KernelClient.TryConnect(Socket)!)
        {
            pid = (await lender.SendAsync(new KernelRequest(KernelOp.Lend)
            {
                Spawn = new SpawnRequest { Name = "a", Message = "hello" },
            })).Pid;
            Assert.Single((await other.SendAsync(new KernelRequest(KernelOp.Ps))).Processes!);
        }

        Assert.Equal(137, (await other.SendAsync(new KernelRequest(KernelOp.Wait) { Pid = pid })).Exit!.Code);
    }

    [Fact]
    public async Task When_the_host_ends_the_answer_fails_and_the_next_program_hosts()
    {
        var first = New();
        await first.OpenAsync(ScriptedChat.Parts());
        await using var second = New();
        var kernel = await second.OpenAsync(ScriptedChat.Parts());
        using var client = new ScriptedChat((_, _) => [new TextContent("Once upon"), null]);
        var fault = await Assert.ThrowsAsync<IOException>(
            () => Read(client, kernel, _ => first.DisposeAsync().AsTask()));
        Assert.Contains("the kernel that ran it has ended", fault.Message);
        Assert.IsType<LocalKernel>(await second.OpenAsync(ScriptedChat.Parts()));
        Assert.True(KernelClient.IsThere(Socket));
    }

    [Fact]
    public async Task Where_the_users_kernel_cannot_be_a_program_has_its_own_and_says_so()
    {
        using (Journal.Open(_folder[LocalKernel.JournalName], out _))
        {
            await using var kernel = New();
            var own = await kernel.OpenAsync(ScriptedChat.Parts());
            using var client = new ScriptedChat((_, _) => [new TextContent("Hello.")]);
            Assert.Equal("Hello.", Assert.Single((await Read(client, own, _ => Task.CompletedTask)).Parts).Text);
            Assert.Same(own, await kernel.OpenAsync(ScriptedChat.Parts()));
        }

        Assert.Contains("which `wisp ps` does not show: ", Assert.Single(_told));
        Assert.False(File.Exists(Socket));
    }

    [Fact]
    public async Task Agents_that_name_no_model_are_answered_by_the_one_that_is_talked_with_and_replay()
    {
        using var client = new ScriptedChat((messages, _) => messages.Count == 1
            ? [new TextContent("""<tool_call>{"name": "calculator", "arguments": {"expression": "6*7"}}</tool_call>""")]
            : [new TextContent($"It is {ScriptedChat.Results(messages)}.")]);
        var parts = ScriptedChat.Parts() with { Default = new ChatModel(client) };
        await using (var kernel = New())
        {
            await kernel.OpenAsync(parts);
            using var other = KernelClient.TryConnect(Socket)!;
            var pid = (await other.SendAsync(new KernelRequest(KernelOp.Spawn)
            {
                Spawn = new SpawnRequest
                {
                    Name = "agent", Message = "What is 6*7?", Capabilities = Toolbox.Calculator.Capabilities,
                },
            })).Pid;
            Assert.Equal(new ProcessExit(0, "done", "It is 42."),
                (await other.SendAsync(new KernelRequest(KernelOp.Wait) { Pid = pid })).Exit);
        }

        using var journal = Journal.Open(_folder[LocalKernel.JournalName], out var entries);
        Assert.Equal(new ReplayReport(entries.Count, entries.Count, null),
            Replay.Run(entries, parts.Codec, codec => HostedKernel.Space(codec, parts.Context)));
    }

    [Fact]
    public async Task An_answer_replays_too()
    {
        await using (var kernel = New())
        {
            using var client = new ScriptedChat((messages, _) => messages.Count == 1
                ? [ScriptedChat.Call("calculator", ("expression", "6*7"))] : [new TextContent("It is 42.")]);
            await Read(client, await kernel.OpenAsync(ScriptedChat.Parts()), _ => Task.CompletedTask);
        }

        using var journal = Journal.Open(_folder[LocalKernel.JournalName], out var entries);
        Assert.Equal(new ReplayReport(entries.Count, entries.Count, null), Replay.Run(
            entries, ScriptedChat.Parts().Codec, codec => HostedKernel.Space(codec, ScriptedChat.Parts().Context)));
    }

    private UserKernel New() => new(_folder.Path, Socket) { Tell = _told.Add };

    private async Task<Answer> Read(
        IChatClient client, IAgentKernel kernel, Func<Answer, Task> watch, CancellationToken cancel = default)
    {
        var tools = Toolbox.Of(_folder.Path, 4096);
        var answer = new Answer(client);
        await foreach (var _ in answer.Write(kernel, new AnswerTask(
            "a question", [new ChatMessage(ChatRole.User, "What is 6*7?")],
            new ChatOptions { Tools = [.. tools.Functions] })
        { Capabilities = tools.Capabilities }, cancel))
            await watch(answer);
        return answer;
    }
}
