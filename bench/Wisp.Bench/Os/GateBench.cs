using System.Diagnostics;
using Wisp.Guard;
using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Memory;

namespace Wisp.Bench.Os;

/// <summary>
/// A call through the gate, from the end of a turn to its last result, over the turn's sixteen calls: capability,
/// labels, budget, events, queue, and a driver that does nothing.
/// </summary>
internal static class GateBench
{
    private const int CallsPerTurn = 16;
    private const double Bare = 20, Journaled = 1000; // microseconds that are wanted

    public static IEnumerable<Figure> Measure()
    {
        var folder = Directory.CreateTempSubdirectory("wisp-bench-").FullName;
        try
        {
            yield return Figure.Of("a call, Pure, no journal", Times(Effect.Pure, null, 400), Bare);
            yield return Figure.Of("a call, Once, no journal", Times(Effect.Once, null, 400), Bare);
            using (var journal = Journal.Open(Path.Combine(folder, "normal.db"), out _))
                yield return Figure.Of("a call, Pure, journal (NORMAL)", Times(Effect.Pure, journal, 400), Journaled);
            using (var journal = Journal.Open(Path.Combine(folder, "full.db"), out _))
                yield return Figure.Of("a call, Once, journal (FULL: it waits for the disk)",
                    Times(Effect.Once, journal, 60));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static List<double> Times(Effect kind, Journal? journal, int turns)
    {
        var call = string.Concat(Enumerable.Range(0, CallsPerTurn).Select(i =>
            $$$"""<tool_call>{"name": "probe", "arguments": {"n": {{{i}}}}}</tool_call>"""));
        var done = 0;
        using var core = new ScriptedCore((_, _) => done++ < turns ? call : "done", blocks: 60_000, context: 1 << 20);
        var times = new List<double>();
        var begin = 0L;
        var returned = 0;
        using var kernel = new WispKernel(
            new KernelParts(core, new Nothing(kind), TimeProvider.System, () => new Transcript(core.Codec), journal)
            {
                Watch = entry =>
                {
                    if (entry.Event is Turned)
                        (begin, returned) = (Stopwatch.GetTimestamp(), 0);
                    else if (entry.Event is Returned && ++returned == CallsPerTurn)
                        times.Add(Stopwatch.GetElapsedTime(begin).TotalMicroseconds / CallsPerTurn);
                },
            }, new KernelOptions { InlineDrivers = true });
        _ = kernel.SpawnAsync(new SpawnRequest
        {
            Name = "bench", Message = "go", TurnTokens = 1 << 16, Temperature = 0,
            Capabilities = [new Capability { Pattern = "/tools/**", Rights = Right.Call }],
        });
        while (kernel.Tick())
        {
        }

        times.RemoveRange(0, Math.Min(times.Count / 4, 50)); // the JIT is still at work
        return times;
    }
}

/// <summary>A driver whose part of a call is nothing.</summary>
internal sealed class Nothing(Effect kind) : Driver
{
    private readonly SysResult _result = new(SysStatus.Ok, "ok", Label.From(Source.Kernel));

    public override Effect ClassOf(Verb verb, string path) => kind;

    public override ValueTask<SysResult> CallAsync(DriverCall call, CancellationToken cancel) => new(_result);
}
