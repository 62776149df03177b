using Microsoft.Extensions.AI;
using Wisp.Agents;
using Wisp.Ai;
using Wisp.Kernel;
using Wisp.Kernel.Events;
using Wisp.Kernel.Remote;
using Wisp.Kernel.Scheduling;
using Wisp.Mounts;
using Wisp.Serve.Store;
using Wisp.Serve.Talk;
using Wisp.Tests.Train.Data;
using static Wisp.Tests.Serve.Talk.ScriptedChat;

namespace Wisp.Tests.Serve.Talk;

/// <summary>An answer as a process of the user's kernel, by a model that is scripted.</summary>
public sealed class AnswerTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private LocalKernel? _kernel;

    private string Socket => _folder["run/k.sock"];

    public async ValueTask DisposeAsync()
    {
        if (_kernel is not null)
            await _kernel.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_sum_goes_through_the_gate_and_stands_in_the_journal()
    {
        using var client = new ScriptedChat((messages, _) => messages.Count == 1
            ? [new TextReasoningContent("Hm."), new TextContent("Let me see."),
                Call("calculator", ("expression", "2+3"))]
            : [new TextContent("It is "), new TextContent($"{Results(messages)}.")]);
        var (answer, news) = await Read(client, Host(), "What is 2+3?");

        Assert.Equal(MessageState.Whole, answer.State);
        Assert.Equal([PartKind.Thought, PartKind.Text, PartKind.Call, PartKind.Text],
            answer.Parts.Select(part => part.Kind));
        Assert.Equal(("calculator", """{"expression":"2+3"}""", "5"),
            (answer.Parts[2].Name, answer.Parts[2].Arguments, answer.Parts[2].Text));
        Assert.Equal("It is 5.", answer.Parts[3].Text);
        Assert.Contains(news, part => part is { Kind: PartKind.Call, Text: null });
        Assert.Equal((10, 4), (answer.Cost.PromptTokens, answer.Cost.Tokens));

        // The model reads its own turn as it wrote it, thoughts too, and the result under the id of its call.
        var second = client.Sent[1].Messages;
        Assert.IsType<TextReasoningContent>(second[1].Contents[0]);
        Assert.Equal((ChatRole.Tool, "id-calculator"),
            (second[2].Role, ((FunctionResultContent)second[2].Contents[0]).CallId));

        var events = await Events();
        var spawned = events.OfType<Spawned>().Single().Request;
        Assert.Equal(("about sums", "What is 2+3?", SchedulingClass.Interactive, "scripted"),
            (spawned.Name, spawned.Message, spawned.Class, spawned.Model));
        Assert.Equal("Spawned Turned Intended Returned Turned Exited Reaped",
            string.Join(' ', events.Where(e => e.Pid == 1).Select(e => e.GetType().Name)));
        Assert.Equal(("tool.call", "/tools/calculator"),
            events.OfType<Intended>().Single() is var intent ? (intent.Name, intent.Path) : default);
        Assert.Equal(SysStatus.Ok, events.OfType<Returned>().Single().Status);
        Assert.Equal(("Let me see.", 2, "It is 5."), (events.OfType<Turned>().First().Text,
            events.OfType<Turned>().First().Written, events.OfType<Turned>().Last().Text));
        Assert.Equal(0, events.OfType<Exited>().Single().Code);
    }

    [Fact]
    public async Task What_only_looks_like_a_call_in_a_text_is_text()
    {
        const string Quoted = """<tool_call>{"name": "calculator", "arguments": {"expression": "1"}}</tool_call>""";
        using var client = new ScriptedChat((_, _) => [new TextContent($"One writes {Quoted}.")]);
        var (answer, _) = await Read(client, Host(), "How does one call?");
        Assert.Equal($"One writes {Quoted}.", Assert.Single(answer.Parts).Text);
        Assert.Empty((await Events()).OfType<Intended>());
    }

    [Fact]
    public async Task A_mounted_folder_is_read_and_nothing_outside_of_it()
    {
        Give("notes", canWrite: false, ("a.txt", "The fox sleeps."));
        using var client = new ScriptedChat((messages, _) => messages.Count switch
        {
            1 => [Call("fs.read", ("path", "/notes/a.txt")), Call("fs.read", ("path", "/proc/1/context")),
                Call("fs.write", ("path", "/notes/a.txt"), ("text", "x"))],
            _ => [new TextContent("Read.")],
        });
        var (answer, _) = await Read(client, Host(), "What is in my notes?");
        Assert.Equal("The fox sleeps.", answer.Parts[0].Text);
        Assert.Contains("error: fs.read of /proc/1/context is not allowed", answer.Parts[1].Text);
        Assert.Contains("error: fs.write of /notes/a.txt is not allowed", answer.Parts[2].Text);
        Assert.Equal(string.Join(" | ", answer.Parts.Take(3).Select(part => part.Text)),
            Results(client.Sent[1].Messages));
        // It was told of what there is, and of no writing.
        var offered = client.Sent[0].Options.Tools!.Cast<AIFunctionDeclaration>().ToList();
        Assert.Equal(["calculator", "fs.list", "fs.read"], offered.Select(function => function.Name));
        Assert.EndsWith("There are: /notes (read-only).", offered[1].Description);
    }

    [Fact]
    public void A_small_context_is_not_filled_with_what_could_be_read()
    {
        Give("notes", canWrite: false);
        Assert.Equal(3, Toolbox.Of(_folder.Path, Toolbox.LeastContext).Functions.Count);
        Assert.Same(Toolbox.Calculator, Toolbox.Of(_folder.Path, Toolbox.LeastContext - 1));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_write_asks_first(bool yes)
    {
        Give("drafts", canWrite: true);
        using var client = new ScriptedChat((messages, _) => messages.Count == 1
            ? [Call("fs.write", ("path", "/drafts/b.txt"), ("text", "The fox."))] : [new TextContent("Done.")]);
        var kernel = Host();
        var asked = new List<string>();
        var (answer, _) = await Read(client, kernel, "Write it down.", async answer =>
        {
            if (answer.Ask is not { } ask)
                return;
            asked.Add(ask.Text);
            Assert.False(File.Exists(_folder["drafts/b.txt"]));
            // Where an approval comes from makes no difference: here it is `wisp approve`.
            using var other = KernelClient.TryConnect(Socket)!;
            await other.SendAsync(new KernelRequest(KernelOp.Answer) { Ask = ask.Number, Yes = yes });
        });
        Assert.Contains("fs.write /drafts/b.txt with The fox.", Assert.Single(asked));
        Assert.Null(answer.Ask);
        Assert.Equal(MessageState.Whole, answer.State);
        Assert.Equal(yes ? "8 bytes were written to /drafts/b.txt." : "error: The user said no.", answer.Parts[0].Text);
        Assert.Equal(answer.Parts[0].Text, Results(client.Sent[1].Messages));
        Assert.Equal(yes, File.Exists(_folder["drafts/b.txt"]));
    }

    [Theory]
    [InlineData(Signal.Kill)]
    [InlineData(Signal.Term)]
    [InlineData(Signal.Int)]
    public async Task A_signal_stops_the_answer_and_what_was_written_stays(Signal signal)
    {
        using var client = new ScriptedChat((_, _) => [new TextContent("Once upon"), null]);
        var (answer, _) = await Read(client, Host(), "Tell me a story.", async answer =>
        {
            using var other = KernelClient.TryConnect(Socket)!;
            var process = Assert.Single((await other.SendAsync(new KernelRequest(KernelOp.Ps))).Processes!);
            Assert.Equal("about sums", process.Name);
            await other.SendAsync(new KernelRequest(KernelOp.Signal) { Pid = process.Pid.Number, Signal = signal });
        });
        await client.Broken.Task;
        Assert.Equal((MessageState.Stopped, "Once upon"), (answer.State, Assert.Single(answer.Parts).Text));
        Assert.Single(client.Sent); // no last words
    }

    [Fact]
    public async Task Whoever_stops_reading_ends_the_process_and_lets_go_of_the_model()
    {
        using var client = new ScriptedChat((_, _) => [new TextContent("Once upon"), null]);
        var answer = new Answer(client);
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in answer.Write(Host(), Task("Tell me a story."), stop.Token))
                await stop.CancelAsync();
        });
        Assert.True(client.Broken.Task.IsCompleted);
        Assert.Equal(137, (await Events()).OfType<Exited>().Single().Code);
    }

    [Fact]
    public async Task A_model_that_fails_says_why_in_its_own_words()
    {
        using var client = new ScriptedChat((_, _) => throw new NotSupportedException("no such thing"));
        Assert.Equal("no such thing",
            (await Assert.ThrowsAsync<NotSupportedException>(() => Read(client, Host(), "Hello"))).Message);
        Assert.Equal("the model scripted failed: no such thing", (await Events()).OfType<Exited>().Single().Reason);
    }

    [Fact]
    public async Task A_model_that_calls_and_calls_is_offered_nothing_more()
    {
        var sums = 0;
        using var client = new ScriptedChat((_, options) => options.ToolMode is NoneChatToolMode
            ? [new TextContent("Enough.")] : [Call("calculator", ("expression", $"1+{++sums}"))]);
        var (answer, _) = await Read(client, Host(), "Go on.");
        Assert.Equal((MessageState.Whole, "Enough."), (answer.State, answer.Parts[^1].Text));
        Assert.Equal(12, answer.Parts.Count(part => part.Kind == PartKind.Call));
        Assert.Equal("13", answer.Parts[^2].Text);
    }

    [Fact]
    public async Task A_result_that_is_longer_than_the_context_is_cut_for_the_model()
    {
        Give("notes", canWrite: false, ("long.txt", string.Concat(Enumerable.Repeat("The fox sleeps. ", 500))));
        using var wisp = WispChatClient.Open(LiveServer.ModelPath);
        using var client = new ScriptedChat((messages, _) => messages.Count == 1
            ? [Call("fs.read", ("path", "/notes/long.txt"))] : [new TextContent("Read.")], wisp);
        var (answer, _) = await Read(client, Host(), Task("Read it.") with { Options = new ChatOptions() });
        Assert.Equal(8000, answer.Parts[0].Text!.Length);
        var (messages, options) = client.Sent[1];
        Assert.EndsWith("[cut: too long to be read at once]", Results(messages));
        Assert.True(wisp.Fits(messages, options, wisp.Context / 4));
    }

    [Fact]
    public async Task What_earlier_answers_had_read_taints_this_one()
    {
        using var client = new ScriptedChat((messages, _) => messages.Count == 1
            ? [Call("calculator", ("expression", "2+3"))] : [new TextContent("No.")]);
        var task = Task("And now?");
        var (answer, _) = await Read(client, Host(), task with
        {
            Label = Toolbox.LabelOf("fs.read", """{"path": "/notes/a.txt"}"""),
            Capabilities = [.. task.Capabilities.Select(capability => capability with { WhenTainted = false })],
        });
        Assert.Contains("the process has read what neither the user nor wisp wrote", answer.Parts[0].Text);
        Assert.Equal("from file:/notes/a.txt, for user",
            Wisp.Guard.Label.Parse((await Events()).OfType<Spawned>().Single().Request.Label).ToString());
        Assert.True(Toolbox.LabelOf("calculator", "{}").IsFrom(
            Wisp.Guard.SourceSet.Of(Wisp.Guard.Source.Kernel)));
    }

    [Fact]
    public async Task A_journal_with_half_an_answer_is_taken_up_and_the_answer_ended()
    {
        using var client = new ScriptedChat((_, _) => [new TextContent("Once upon"), null]);
        var answer = new Answer(client);
        await Assert.ThrowsAsync<IOException>(async () =>
        {
            await foreach (var _ in answer.Write(Host(), Task("Tell me a story."), CancellationToken.None))
            {
                // The kernel goes down under it.
                await _kernel!.DisposeAsync();
                _kernel = null;
            }
        });
        Host();
        using (var other = KernelClient.TryConnect(Socket)!)
            Assert.Empty((await other.SendAsync(new KernelRequest(KernelOp.Ps))).Processes!);
        Assert.Contains("the kernel that it ran in is gone", (await Events()).OfType<Exited>().Single().Reason);
    }

    private LocalKernel Host() => _kernel = LocalKernel.Host(Parts(), _folder.Path, Socket);

    // What stands in the journal, read when nobody has it open.
    private async Task<IReadOnlyList<KernelEvent>> Events()
    {
        await _kernel!.DisposeAsync();
        _kernel = null;
        using var journal = Journal.Open(_folder[LocalKernel.JournalName], out var entries);
        Assert.Empty(journal.Damage);
        return [.. entries.Select(entry => entry.Event)];
    }

    private void Give(string name, bool canWrite, params (string Name, string Text)[] files)
    {
        Directory.CreateDirectory(_folder[name]);
        foreach (var file in files)
            File.WriteAllText(_folder[$"{name}/{file.Name}"], file.Text);
        Toolbox.Table(_folder.Path).Add(new FolderGrant($"/{name}", _folder[name], canWrite));
    }

    private AnswerTask Task(string question)
    {
        var tools = Toolbox.Of(_folder.Path, 4096);
        return new AnswerTask("about sums", [new ChatMessage(ChatRole.User, question)],
            new ChatOptions { Tools = [.. tools.Functions] })
        { Capabilities = tools.Capabilities };
    }

    private async Task<(Answer Answer, List<MessagePart?> News)> Read(
        IChatClient client, IAgentKernel kernel, string question, Func<Answer, Task>? watch = null) =>
        await Read(client, kernel, Task(question), watch);

    private static async Task<(Answer Answer, List<MessagePart?> News)> Read(
        IChatClient client, IAgentKernel kernel, AnswerTask task, Func<Answer, Task>? watch = null)
    {
        var answer = new Answer(client);
        var news = new List<MessagePart?>();
        await foreach (var part in answer.Write(kernel, task, CancellationToken.None))
        {
            news.Add(part);
            if (watch is not null)
                await watch(answer);
        }

        return (answer, news);
    }
}
