using System.Diagnostics;
using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Scheduling;
using Wisp.Memory;

namespace Wisp.Bench.Os;

/// <summary>
/// A switch from process to process at a token: among 200, one slot, so that who is in the batch changes with every
/// tick. The whole tick is counted, with the scripted core's step; the ticks of one process that stays are beside it.
/// </summary>
internal static class SwitchBench
{
    private const int Processes = 200, Warm = 10_000, Ticks = 50_000;
    private const double Most = 50; // microseconds that are wanted

    public static IEnumerable<Figure> Measure()
    {
        yield return Figure.Of($"a context switch among {Processes} (a whole tick)", Times(quantum: 1), Most);
        yield return Figure.Of("a tick without a switch, in the same queue", Times(quantum: 1 << 20));
    }

    private static List<double> Times(int quantum)
    {
        using var core = new ScriptedCore((_, _) => new string('x', 1 << 20), blocks: 20_000);
        using var kernel = new WispKernel(
            new KernelParts(core, new Nothing(Effect.Pure), TimeProvider.System, () => new Transcript(core.Codec)),
            new KernelOptions
            {
                InlineDrivers = true, Slots = 1,
                Scheduling = new SchedulingOptions(SchedulingPolicy.FairQueueing, quantum, 1 << 20),
            });
        for (var i = 0; i < Processes; i++)
            _ = kernel.SpawnAsync(new SpawnRequest
            {
                Name = "p", Message = "go", Temperature = 0, TurnTokens = 1 << 20,
            });
        for (var i = 0; i < Warm; i++)
            kernel.Tick();
        var times = new List<double>(Ticks);
        for (var i = 0; i < Ticks; i++)
        {
            var begin = Stopwatch.GetTimestamp();
            kernel.Tick();
            times.Add(Stopwatch.GetElapsedTime(begin).TotalMicroseconds);
        }

        return times;
    }
}
