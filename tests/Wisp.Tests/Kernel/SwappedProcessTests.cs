using Wisp.Kernel;
using Wisp.Kernel.Budgets;
using Wisp.Kernel.Events;
using Wisp.Kernel.Scheduling;
using Wisp.Memory;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Kernel;

/// <summary>Keys and values that go to a file while their process waits and others need the memory.</summary>
public sealed class SwappedProcessTests : IDisposable
{
    private const int Blocks = 60;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // One talks and waits, others come and need its memory, and then it is spoken to again.
    private World Run(double tokensPerSecond, Action? whileAway = null, Action<World, Pid>? instead = null)
    {
        var world = new World((pid, prompt) => prompt.Contains("[user] more") ? "again" : $"{new string('a', 90)}{pid}",
            blocks: Blocks, swap: core =>
            {
                var swap = new KvSwap(core.Kv, _folder["swap"], TimeProvider.System, tokensPerSecond);
                swap.Begin();
                return swap;
            });
        var first = world.Spawn(new string('q', 300), r => r with { Stays = true, Class = SchedulingClass.Batch });
        world.Run();
        Assert.Equal(ProcessState.Blocked, world.Report(first).State);
        for (var i = 0; i < 2; i++)
            world.Spawn($"{i}" + new string('z', 350), r => r with { Stays = true });
        world.Run();
        whileAway?.Invoke();
        if (instead is not null)
        {
            instead(world, first);
            return world;
        }

        world.Do(world.Kernel.SayAsync(first, "more"));
        world.Run();
        Assert.Equal("again", world.Context(first).Split("[Assistant] ")[^1]);
        return world;
    }

    private string[] Images => Directory.GetFiles(_folder["swap"]);

    private static Turned Last(World world) => world.Events.Select(e => e.Event).OfType<Turned>().Last();

    private static string? Replayed(World world) => Replay.Run(world.Events, world.Core.Codec,
        codec => new Transcript(codec)).Difference;

    [Fact]
    public void A_process_that_waits_goes_to_a_file_and_reads_nothing_again()
    {
        using var world = Run(tokensPerSecond: 0.01, instead: (world, first) =>
        {
            var report = world.Report(first);
            Assert.Equal((ProcessState.Swapped, "a message", 0), (report.State, report.Why, report.Usage.KvOwn));
            Assert.Single(Images);
            world.Do(world.Kernel.SayAsync(first, "more"));
            world.Run();
            Assert.Equal(ProcessState.Blocked, world.Report(first).State);
        });
        // What it had read and written came back; only what is new was read.
        Assert.InRange(Last(world).Computed, 1, 20);
        Assert.True(Last(world).Reused > 390);
        Assert.Null(Replayed(world));
        foreach (var report in world.Do(world.Kernel.ReportsAsync()))
            world.Do(world.Kernel.SignalAsync(report.Pid, Signal.Kill));
        Assert.Equal(0, world.Kernel.Budget.Used(Resource.KvBytes));
    }

    [Fact]
    public void Where_reading_again_is_cheaper_there_is_no_file()
    {
        using var world = Run(tokensPerSecond: 1e12);
        Assert.DoesNotContain(world.Events, e => e.Event is SwappedOut or SwappedIn);
        Assert.True(Last(world).Computed > 100, $"{Last(world).Computed}"); // what nobody had taken yet was found
        Assert.Null(Replayed(world));
    }

    [Fact]
    public void An_image_that_is_damaged_costs_time_and_nothing_else()
    {
        using var world = Run(tokensPerSecond: 0.01, whileAway: () =>
        {
            var image = Assert.Single(Images);
            var bytes = File.ReadAllBytes(image);
            bytes[^40] ^= 1;
            File.WriteAllBytes(image, bytes);
        });
        Assert.Contains(world.Events, e => e.Event is SwappedIn { IsWhole: false });
        Assert.True(Last(world).Computed > 100, $"{Last(world).Computed}"); // what nobody had taken yet was found
        Assert.Null(Replayed(world));
    }

    [Fact]
    public void A_disk_that_takes_nothing_costs_time_and_nothing_else()
    {
        // A folder that is none: every image fails to be written.
        using var world = new World((pid, _) => $"{new string('a', 90)}{pid}", blocks: Blocks,
            swap: core => new KvSwap(core.Kv, _folder["nowhere"], TimeProvider.System, 0.01));
        foreach (var i in Enumerable.Range(0, 4))
            world.Spawn($"{i}" + new string('z', 350), r => r with { Stays = true });
        world.Run();
        Assert.Equal(4, world.Events.Count(e => e.Event is Turned));
        Assert.DoesNotContain(world.Events, e => e.Event is SwappedOut);
        Assert.Null(Replayed(world));
    }

    [Theory]
    [InlineData(Signal.Kill), InlineData(Signal.Term)]
    public void Whoever_ends_leaves_no_image(Signal signal)
    {
        using var world = Run(tokensPerSecond: 0.01, instead: (world, first) =>
        {
            Assert.Single(Images);
            world.Do(world.Kernel.SignalAsync(first, signal));
            world.Run();
            Assert.Contains(world.Events, e => e.Event is Exited exited && exited.Pid == first.Number);
        });
        // For its last words it may have come back, and others have made room.
        Assert.Equal(world.Do(world.Kernel.ReportsAsync()).Count(r => r.State == ProcessState.Swapped), Images.Length);
        Assert.Null(Replayed(world));
    }

    [Fact]
    public void A_kernel_that_ends_or_begins_leaves_no_image()
    {
        using (var world = Run(tokensPerSecond: 0.01, instead: (_, _) => Assert.Single(Images)))
        {
        }

        Assert.Empty(Images);
        File.WriteAllText(_folder["swap/1-2.kv"], "of a kernel that was killed");
        using var next = Run(tokensPerSecond: 1e12);
        Assert.Empty(Images);
    }

    [Fact]
    public void A_stopped_process_goes_too_and_its_fork_writes_what_it_would_have_written()
    {
        using var world = Run(tokensPerSecond: 0.01, instead: (world, first) =>
        {
            world.Do(world.Kernel.SignalAsync(first, Signal.Stop));
            Assert.Equal((ProcessState.Swapped, "stopped"), (world.Report(first).State, world.Report(first).Why));
            var child = world.Do(world.Kernel.ForkAsync(first, "twin", "more"));
            world.Do(world.Kernel.SignalAsync(first, Signal.Continue));
            world.Run();
            Assert.Equal("again", world.Exit(child).Answer);
        });
        Assert.Null(Replayed(world));
    }
}
