using System.Text;
using Microsoft.Data.Sqlite;
using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Memory;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Kernel;

public sealed class JournalTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string JournalPath => _folder["journal.db"];

    private static ReplayReport ReplayOf(IReadOnlyList<JournalEntry> entries)
    {
        using var core = new ScriptedCore((_, _) => "", 1);
        return Replay.Run(entries, core.Codec, codec => new Transcript(codec));
    }

    private static JournalEntry Entry(long sequence, int pid, string text) =>
        new(sequence, sequence, sequence * 10, true, new Said(pid, text, "0|*"));

    [Fact]
    public void What_was_appended_is_there_with_every_kind_of_event_as_it_was()
    {
        KernelEvent[] events =
        [
            new Booted("wisp", "m.gguf", 10, 20, 30, new KernelOptions()) { AsksAll = true },
            new Spawned(1, 0, 1, new SpawnRequest
            {
                Name = "a", Message = "ü𝄞\n",
                Capabilities = [World.Everything with { Uses = 3, Until = DateTimeOffset.UnixEpoch }],
                Limits = new Dictionary<Wisp.Kernel.Budgets.Resource, Wisp.Kernel.Budgets.Limit>
                {
                    [Wisp.Kernel.Budgets.Resource.KvBytes] = new(1, 2),
                },
            }),
            new Forked(2, 1, "b", "m", "|*"), new Execed(1, "c", "i", "m"), new Said(1, "s", "0|-"),
            new Turned(1, [1, 2, 3], "abc", 4, 5, 6, true), new Faulted(1, [9], "x", 1, 2),
            new SwappedOut(1, 48), new SwappedIn(1, true),
            new Intended(1, 1, "1.1", "fs.read", "/a", "b", Effect.Once),
            new Returned(1, 1, SysStatus.TimedOut, "t", "1|*", [new Extent("/a", 1, 2)]) { CpuMilliseconds = 3,
                MicroMoney = 4 },
            new Probed(1, 1, ProbeAnswer.NotDone),
            new Asked(1, 1, 1, AskKind.Budget, "?", Wisp.Kernel.Budgets.Resource.ToolCalls, 5),
                new Answered(1, 1, true, "y", 2),
            new Signalled(1, Signal.Stop), new Reniced(1, Wisp.Kernel.Scheduling.SchedulingClass.Batch, 0.5),
            new Limited(1, Wisp.Kernel.Budgets.Resource.DecodeTokens, null, 7), new Exited(1, 3, "r"), new Reaped(1),
        ];
        // No kind is forgotten.
        Assert.Equal(typeof(KernelEvent).Assembly.GetTypes().Where(t => t.BaseType == typeof(KernelEvent)).ToHashSet(),
            events.Select(e => e.GetType()).ToHashSet());
        using (var journal = Journal.Open(JournalPath, out var none))
        {
            Assert.Empty(none);
            journal.Append([.. events.Take(5).Select((e, i) =>
                new JournalEntry(i + 1, i, i * 7, i % 2 == 0, e))], false);
            journal.Append([.. events.Skip(5).Select((e, i) =>
                new JournalEntry(i + 6, i, i * 7, i % 2 == 0, e))], true);
        }

        using var again = Journal.Open(JournalPath, out var entries);
        Assert.Equal(events.Select(e => Convert.ToHexString(Journal.Body(e))),
            entries.Select(e => Convert.ToHexString(Journal.Body(e.Event))));
        Assert.Equal(Enumerable.Range(1, events.Length).Select(i => (long)i), entries.Select(e => e.Sequence));
    }

    [Fact]
    public void A_journal_is_its_owners_alone()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("files have no such permissions");
        using var journal = Journal.Open(JournalPath, out _);
        journal.Append([Entry(1, 1, "a")], durable: false);
        foreach (var path in Directory.GetFiles(_folder.Path))
            if (!OperatingSystem.IsWindows())
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Fact]
    public void Two_kernels_cannot_have_one_journal()
    {
        using var journal = Journal.Open(JournalPath, out _);
        journal.Append([Entry(1, 1, "x")], false);
        Assert.Contains("another kernel has this journal open",
            Assert.Throws<JournalException>(() => Journal.Open(JournalPath, out _)).Message);
    }

    [Fact]
    public void A_file_that_is_no_journal_is_refused_and_left_as_it_is()
    {
        File.WriteAllText(JournalPath, "some text of the user's that is no database at all, and longer than a header");
        var text = File.ReadAllText(JournalPath);
        Assert.Contains("cannot be opened", Assert.Throws<JournalException>(() =>
            Journal.Open(JournalPath, out _)).Message);
        Assert.Equal(text, File.ReadAllText(JournalPath));
    }

    [Fact]
    public void A_full_disk_stops_the_kernel_and_loses_nothing_that_was_acknowledged()
    {
        var acknowledged = new List<Pid>();
        string message;
        using (var journal = Journal.Open(JournalPath, out _))
        {
            journal.LimitPages(12);
            using var world = new World((pid, _) => $"answer {pid}", journal: journal);
            message = Assert.Throws<JournalException>(() =>
            {
                for (var i = 0; i < 1000; i++)
                {
                    acknowledged.Add(world.Spawn(new string('m', 500)));
                    world.Kernel.Tick();
                }
            }).Message;
            Assert.True(acknowledged.Count > 5);
            // It stands still, and says why.
            Assert.Equal(message, Assert.Throws<JournalException>(() => world.Kernel.Tick()).Message);
            Assert.Equal(message, world.Kernel.Fault);
        }

        Assert.Contains("the disk is full", message);
        using (var journal = Journal.Open(JournalPath, out var past))
        {
            Assert.Empty(journal.Damage);
            using var world = new World((pid, _) => $"answer {pid}", journal: journal, past: past);
            world.Run();
            Assert.All(acknowledged, pid => Assert.Equal($"answer {pid}", world.Exit(pid).Answer));
        }
    }

    [Theory]
    [InlineData("\"group\":30,", false), InlineData("\"microMoney\":0,\"pid\":50}", true)]
    public void A_damaged_page_costs_what_is_on_it_and_holds_whom_it_concerns(string part, bool isTurn)
    {
        // Enough to fill many pages; then the one with this event is overwritten.
        var spawned = new List<int>();
        using (var journal = Journal.Open(JournalPath, out _))
        {
            using var world = new World((pid, prompt) => prompt.Length > 1000 ? "done" : "go on", journal: journal);
            for (var i = 0; i < 60; i++)
                spawned.Add(world.Spawn($"{i} " + new string('m', 300), r => r with { Stays = true }).Number);
            world.Run();
        }

        int whole;
        using (var journal = Journal.Open(JournalPath, out var entries))
            whole = entries.Count;
        using (var file = File.Open(JournalPath, FileMode.Open))
        {
            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            var at = bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(part));
            Assert.True(at > 4096);
            file.Position = at / 4096 * 4096;
            file.Write(Enumerable.Repeat((byte)0xA5, 4096).ToArray());
        }

        using (var journal = Journal.Open(JournalPath, out var past))
        {
            Assert.NotEmpty(journal.Damage);
            Assert.NotEmpty(journal.Damaged);
            Assert.InRange(past.Count, whole - 60, whole - 1);
            Assert.True(File.Exists(JournalPath + ".damaged"));
            using var world = new World((_, prompt) =>
                prompt.Contains("[user] ping") ? "pong" : "?", journal: journal, past: past);
            world.Run();
            var reports = world.Do(world.Kernel.ReportsAsync());
            if (isTurn)
                Assert.Contains(reports, r => r.State == ProcessState.Stopped);
            else
                Assert.Contains(journal.Damage, line => line.StartsWith("the beginning of process "));
            Assert.InRange(reports.Count, 40, 60);
            // A number of one that is lost is not given again: its keys may have been used.
            Assert.True(world.Spawn("new").Number > 60);
            // A person may let them go on.
            foreach (var report in reports)
            {
                world.Do(world.Kernel.SignalAsync(report.Pid, Signal.Continue));
                world.Do(world.Kernel.SayAsync(report.Pid, "ping"));
            }

            world.Run();
            Assert.All(reports, r => Assert.EndsWith("[Assistant] pong", world.Context(r.Pid)));
        }

        using var healed = Journal.Open(JournalPath, out _);
        Assert.Empty(healed.Damage);
    }

    [Fact]
    public void An_entry_that_was_changed_is_found_out()
    {
        using (var journal = Journal.Open(JournalPath, out _))
            journal.Append([Entry(1, 1, "pay 10"), Entry(2, 2, "hello"), Entry(3, 1, "bye")], false);
        using (var connection = new SqliteConnection($"Data Source={JournalPath};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText =
                "UPDATE events SET body = CAST(replace(CAST(body AS TEXT), 'pay 10', 'pay 99') AS BLOB)";
            Assert.Equal(3, command.ExecuteNonQuery());
        }

        using var again = Journal.Open(JournalPath, out var entries);
        Assert.Contains("entry 1 of process 1 is not what was written", again.Damage[0]);
        Assert.Equal([1], again.Damaged);
        Assert.Equal(["hello", "bye"], entries.Select(e => ((Said)e.Event).Text));
    }

    [Fact]
    public void A_recorded_run_replays_bit_for_bit_with_everything_that_came_from_outside()
    {
        using var world = new World((pid, prompt) => (pid.Number % 4, prompt.Split("[tool]").Length - 1) switch
        {
            (1, 0) => World.Call("proc.spawn", """{"message": "sub"}""") + World.Call("proc.wait", """{"pid": 9}"""),
            (1, < 4) => World.Call("fs.read", $$"""{"path": "/{{prompt.Length}}"}"""),
            (2, 0) => World.Call("user.ask", """{"question": "how many?"}"""),
            (3, < 2) => World.Call("time.sleep", """{"seconds": 3}""") + "<tool_call>",
            _ => $"answer of {pid} to {prompt.Length} characters",
        }, new TestDriver(async (call, cancel) =>
        {
            await Task.Delay(3, cancel); // answers come when they come
            return TestDriver.Ok(call.Path);
        }), new KernelOptions { Slots = 3 }, blocks: 120);
        var random = new Random(5);
        for (var i = 0; i < 8; i++)
            world.Spawn($"task {i} " + new string('.', random.Next(200)), r =>
                r with { Stays = i == 4, Seed = (ulong)i });
        for (var i = 0; i < 400; i++)
        {
            world.Kernel.Tick();
            world.Time.Advance(TimeSpan.FromMilliseconds(random.Next(40)));
            if (i == 100)
                world.Do(world.Kernel.SignalAsync(new Pid(5), Signal.Stop));
            if (i == 150)
                world.Do(world.Kernel.ReniceAsync(new Pid(5), Wisp.Kernel.Scheduling.SchedulingClass.Interactive, 4));
            if (i == 200)
                world.Do(world.Kernel.SignalAsync(new Pid(5), Signal.Continue));
            foreach (var ask in world.Asks)
                world.Do(world.Kernel.AnswerAsync(ask.Number, true, "seven"));
        }

        world.Do(world.Kernel.SayAsync(new Pid(5), "and?"));
        world.Run();
        world.Do(world.Kernel.SignalAsync(new Pid(5), Signal.Term));
        world.Run();
        var entries = world.Events.ToList();
        Assert.True(entries.Count > 60, $"{entries.Count}");
        Assert.Equal(new ReplayReport(entries.Count, entries.Count, null), ReplayOf(entries));

        // Another answer of a driver, and the replay says where the stories part.
        var at = entries.FindIndex(e => e.Event is Turned { Pid: 1 });
        entries[at] = entries[at] with { Event = (Turned)entries[at].Event with { Text = "something else" } };
        Assert.NotNull(ReplayOf(entries).Difference);
    }
}
