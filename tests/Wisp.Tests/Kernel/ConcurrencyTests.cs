using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Kernel.Scheduling;
using Wisp.Memory;

namespace Wisp.Tests.Kernel;

/// <summary>Fewer at once where they take each other's memory.</summary>
public sealed class ConcurrencyTests
{
    [Fact]
    public void Whoever_loses_three_times_halves_the_number_and_calm_steps_bring_it_back()
    {
        var concurrency = new Concurrency();
        concurrency.Lost(new Pid(1), 10, 12);
        concurrency.Lost(new Pid(2), 11, 12);
        concurrency.Lost(new Pid(1), 12, 12);
        Assert.Equal(int.MaxValue, concurrency.Limit); // two losses may be an accident
        concurrency.Lost(new Pid(1), 13, 12);
        Assert.Equal(6, concurrency.Limit); // half of those that ran
        for (var i = 0; i < 20; i++)
            concurrency.Lost(new Pid(3), 14, 6);
        Assert.Equal(1, concurrency.Limit); // one always runs
        var steps = 14;
        for (; concurrency.Limit < 12; steps++)
            concurrency.Step(steps, wanting: 12);
        Assert.InRange(steps, 11 * 256, 12 * 256); // one more after so many calm steps each
        Assert.Equal(int.MaxValue, concurrency.Limit); // nobody waits any more
    }

    [Fact]
    public void Losses_that_are_far_apart_are_no_thrashing()
    {
        var concurrency = new Concurrency();
        for (var step = 0; step < 100_000; step += 600)
            concurrency.Lost(new Pid(1), step, 8);
        Assert.Equal(int.MaxValue, concurrency.Limit);
    }

    [Fact]
    public void Processes_that_do_not_fit_together_run_fewer_at_once_and_waste_less()
    {
        using var world = new World((pid, _) => new string((char)('a' + (pid.Number % 20)), 400), blocks: 64);
        var pids = Enumerable.Range(0, 16).Select(i => world.Spawn($"{i}: " + new string('q', 100))).ToList();
        world.Run();
        Assert.All(pids, pid => Assert.Equal(400, world.Exit(pid).Answer.Length));
        // 16 times 105 + 400 rows if nothing were computed twice; all at once would come to 18,294.
        Assert.InRange(world.Core.ComputedRows, 8_080, 15_000);
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3)]
    public void Whoever_holds_the_memory_is_not_ended_because_another_is_picked(int slots)
    {
        // Each fits alone and no two do; with a quantum of one token whoever waits for memory is picked all the time.
        using var world = new World((pid, _) => new string((char)('a' + pid.Number), 300), blocks: 40,
            options: new KernelOptions
            {
                InlineDrivers = true, Slots = slots,
                Scheduling = new SchedulingOptions(SchedulingPolicy.RoundRobin, 1, 1 << 20),
            });
        var pids = Enumerable.Range(0, 5).Select(i => world.Spawn($"{i}: " + new string('q', 100))).ToList();
        world.Run();
        Assert.All(pids, pid => Assert.Equal(300, world.Exit(pid).Answer.Length));
    }

    [Fact]
    public async Task A_window_that_thrashes_counts_as_a_loss()
    {
        // It names pages that do not fit its window together, again and again.
        PagedMemory? memory = null;
        var turn = 0;
        using var core = new ScriptedCore((_, prompt) => prompt.Contains("look")
            ? $"I need ⟦page:{2 + (turn++ % 5)}⟧" : "Noted.", 4096, 4000);
        var events = new List<JournalEntry>();
        using var kernel = new WispKernel(new KernelParts(core, new TestDriver(_ => ""), new SimulatedTime(),
            () => memory = new PagedMemory(core.Codec, new MemoryLimits(4000, 500) { Prefetch = 0 }))
        { Watch = events.Add }, new KernelOptions { InlineDrivers = true, Slots = 8 });
        var pid = kernel.SpawnAsync(new SpawnRequest
        {
            Name = "reader", Instructions = "Read.", Message = new string('a', 600), Stays = true, Temperature = 0,
        });
        Quiet();
        for (var i = 0; i < 8; i++)
        {
            _ = kernel.SayAsync(await pid, new string((char)('b' + i), 600));
            Quiet();
        }

        for (var i = 0; i < 40 && !memory!.IsThrashing; i++)
        {
            _ = kernel.SayAsync(await pid, "look " + new string('x', 300));
            Quiet();
        }

        Assert.True(memory!.IsThrashing);
        Assert.Contains(events, e => e.Event is Faulted);
        for (var i = 0; i < 3; i++)
        {
            _ = kernel.SayAsync(await pid, "look " + new string('x', 300));
            Quiet();
        }

        Assert.True(kernel.Concurrency < 8);

        void Quiet()
        {
            while (kernel.Tick())
            {
            }
        }
    }
}
