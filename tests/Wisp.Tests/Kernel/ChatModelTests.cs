using Microsoft.Extensions.AI;
using Wisp.Kernel;
using Wisp.Kernel.Budgets;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Memory;

namespace Wisp.Tests.Kernel;

/// <summary>Models that are asked through IChatClient, without keys and values of ours.</summary>
public sealed class ChatModelTests
{
    private sealed class Client(Func<IReadOnlyList<ChatMessage>, CancellationToken, Task<ChatResponse>> answer)
        : IChatClient
    {
        public Task<ChatResponse> GetResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken =
                default) =>
            answer([.. messages], cancellationToken);

        public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken =
                default) =>
            throw new NotSupportedException();

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }

    private static ChatResponse Say(params AIContent[] contents) => new(new ChatMessage(ChatRole.Assistant, contents))
    {
        Usage = new UsageDetails { InputTokenCount = 30, OutputTokenCount = 5 },
    };

    private static (WispKernel Kernel, ScriptedCore Core, List<JournalEntry> Events) Make(IChatClient client,
        long price = 0)
    {
        var core = new ScriptedCore((_, _) => "");
        var events = new List<JournalEntry>();
        return (new WispKernel(new KernelParts(
            core, new TestDriver(call => $"read {call.Path}"), new SimulatedTime(), () => new Transcript(core.Codec))
        {
            Watch = events.Add, Models = new Dictionary<string, AskedModel> { ["far"] = new ChatModel(client, price) },
        }, new KernelOptions { InlineDrivers = true }), core, events);
    }

    private static SpawnRequest Request => new()
    {
        Name = "a", Message = "read it", Model = "far", Temperature = 0, Capabilities = [World.Everything],
    };

    private static T Do<T>(WispKernel kernel, Task<T> task)
    {
        while (!task.IsCompleted)
            kernel.Tick();
        return task.GetAwaiter().GetResult();
    }

    [Fact]
    public void A_process_on_a_chat_client_calls_forks_and_ends_like_any_other_and_replays()
    {
        var seen = new List<string>();
        using var client = new Client((messages, _) =>
        {
            lock (seen)
                seen.Add(string.Join(" | ", messages.Select(m => $"{m.Role}: {m.Text}" + string.Concat(
                    m.Contents.OfType<FunctionResultContent>().Select(r => $"{r.CallId} = {r.Result}")))));
            return Task.FromResult(messages.Count switch
            {
                1 => Say(new TextContent("Let me see. "), new FunctionCallContent("7", "fs.read",
                    new Dictionary<string, object?> { ["path"] = "/a" })),
                3 => Say(new TextContent("It is a.")),
                _ => Say(new TextContent("Branched.")),
            });
        });
        var (kernel, core, events) = Make(client);
        using (core)
        using (kernel)
        {
            var pid = Do(kernel, kernel.SpawnAsync(Request with { Stays = true }));
            while (!events.Any(e => e.Event is Turned { Text: "It is a." }))
                kernel.Tick();
            Assert.EndsWith("assistant: Let me see. | tool: c00000000 = read /a", seen[1]);
            var fork = Do(kernel, kernel.ForkAsync(pid, "f", "and you?"));
            Assert.Equal(new ProcessExit(0, "done", "Branched."), Do(kernel, kernel.ExitAsync(fork)));
            Assert.StartsWith(seen[1], seen[2]);
            var report = Assert.Single(Do(kernel, kernel.ReportsAsync()));
            Assert.Equal((60, 10), (report.Usage.PrefillTokens, report.Usage.DecodeTokens));
            var replay = Replay.Run(events, core.Codec, codec => new Transcript(codec));
            Assert.Equal(new ReplayReport(events.Count, events.Count, null), replay);
        }
    }

    [Fact]
    public void What_a_turn_may_cost_is_reserved_before_it_is_asked_for()
    {
        var asked = 0;
        using var client = new Client((_, _) =>
        {
            asked++;
            return Task.FromResult(Say(new TextContent("x")));
        });
        var (kernel, core, _) = Make(client, price: 10);
        using (core)
        using (kernel)
        {
            // Some tokens read and 100 written at most are over 1,000 each time, and 350 in fact.
            var limits = new Dictionary<Resource, Limit> { [Resource.MicroMoney] = new(null, 1700) };
            var pid = Do(kernel, kernel.SpawnAsync(Request with { TurnTokens = 100, Limits = limits, Stays = true }));
            while (asked == 0 || Do(kernel, kernel.ReportsAsync())[0].Why != "a message")
                kernel.Tick();
            Do(kernel, kernel.SayAsync(pid, "again"));
            while (asked == 1 || Do(kernel, kernel.ReportsAsync())[0].Why != "a message")
                kernel.Tick();
            Do(kernel, kernel.SayAsync(pid, "and again"));
            Assert.Contains("out of budget: process 1 has used 700 of 1700 MicroMoney, and a turn may need",
                Do(kernel, kernel.ExitAsync(pid)).Reason);
            Assert.Equal(2, asked);
        }
    }

    [Fact]
    public async Task A_client_that_fails_ends_its_process_and_one_that_is_killed_is_told()
    {
        var cancelled = new TaskCompletionSource();
        using var client = new Client(async (messages, cancel) =>
        {
            if (messages[0].Text == "fail")
                throw new HttpRequestException("503");
            cancel.Register(() => cancelled.SetResult());
            await Task.Delay(Timeout.Infinite, cancel);
            return Say();
        });
        var (kernel, core, _) = Make(client);
        using (core)
        using (kernel)
        {
            var failing = Do(kernel, kernel.SpawnAsync(Request with { Message = "fail" }));
            Assert.Equal("the model far failed: 503", Do(kernel, kernel.ExitAsync(failing)).Reason);
            var hanging = Do(kernel, kernel.SpawnAsync(Request));
            Do(kernel, kernel.SignalAsync(hanging, Signal.Kill));
            await cancelled.Task;
            Assert.Equal(137, Do(kernel, kernel.ExitAsync(hanging)).Code);
            var lost = Do(kernel, kernel.SpawnAsync(Request with { Model = "none" }));
            Assert.Equal("there is no model 'none' here", Do(kernel, kernel.ExitAsync(lost)).Reason);
        }
    }
}
