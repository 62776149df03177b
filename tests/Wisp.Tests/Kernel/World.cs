using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Memory;

namespace Wisp.Tests.Kernel;

/// <summary>A kernel on a scripted core and a simulated clock, and what happened in it.</summary>
internal sealed class World : IDisposable
{
    public static readonly Capability Everything = new()
    {
        Pattern = "/**", Rights = Right.Look | Right.Write | Right.Call | Right.Spawn | Right.Signal | Right.Ask,
    };

    public World(
        Func<Pid, string, string> script, Driver? driver = null, KernelOptions? options = null, Journal? journal = null,
        IReadOnlyList<JournalEntry>? past = null, int blocks = 4096, int context = 1 << 16,
        Func<ScriptedCore, KvSwap>? swap = null, Func<SpawnRequest, string>? tools = null)
    {
        Past = past ?? [];
        Core = new ScriptedCore(script, blocks, context);
        Kernel = new WispKernel(
            new KernelParts(Core, driver ?? new TestDriver(call => $"{call.Verb} {call.Path} {call.Body}"), Time,
                () => new Transcript(Core.Codec), journal)
            {
                Past = Past, Ended = pid => Ended.Add(pid.Number), Watch = Events.Add,
                Swap = swap?.Invoke(Core), Tools = tools,
            },
            options ?? new KernelOptions { InlineDrivers = true });
    }

    /// <summary>What stood in the journal before.</summary>
    public IReadOnlyList<JournalEntry> Past { get; }

    public SimulatedTime Time { get; } = new();

    public ScriptedCore Core { get; }

    public WispKernel Kernel { get; }

    public List<JournalEntry> Events { get; } = [];

    public List<int> Ended { get; } = [];

    public static string Call(string name, string arguments) =>
        $$"""<tool_call>{"name": "{{name}}", "arguments": {{arguments}}}</tool_call>""";

    public Pid Spawn(string message, Func<SpawnRequest, SpawnRequest>? change = null)
    {
        var request = new SpawnRequest
        {
            Name = "agent", Message = message, Temperature = 0, Capabilities = [Everything],
        };
        return Do(Kernel.SpawnAsync(change?.Invoke(request) ?? request));
    }

    /// <summary>Ticks until a task is done that only needs the kernel to look.</summary>
    public T Do<T>(Task<T> task)
    {
        // A quiet kernel has answered; the threads that carry its answers may be busy elsewhere.
        for (var i = 0; !task.IsCompleted && i < 60_000; i++)
            if (!Kernel.Tick())
                Thread.Sleep(1);
        Assert.True(task.IsCompleted, "the kernel has not done it after many ticks");
        return task.GetAwaiter().GetResult();
    }

    /// <summary>Ticks until nothing more happens; waits for drivers that are at work on other threads.</summary>
    public World Run(int most = 100_000)
    {
        for (var i = 0; i < most; i++)
        {
            if (Kernel.Tick())
                continue;
            if (Kernel.DriversAtWork == 0)
                return this;
            SpinWait.SpinUntil(() => Kernel.HasInput);
        }

        Assert.Fail($"not quiet after {most} ticks");
        return this;
    }

    public ProcessExit Exit(Pid pid) => Do(Kernel.ExitAsync(pid));

    public ProcessReport Report(Pid pid) => Do(Kernel.ReportsAsync()).Single(report => report.Pid == pid);

    public IReadOnlyList<AskReport> Asks => Do(Kernel.AsksAsync());

    public string Context(Pid pid) =>
        string.Join("\n", Do(Kernel.ContextAsync(pid)).Select(part => $"[{part.Role}] {part.Text}"));

    public void Dispose()
    {
        Kernel.Dispose();
        Assert.Equal(0, Core.Kv.Use.Used);
        Core.Dispose();
    }
}
