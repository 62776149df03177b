using Wisp.Cli.Os;
using Wisp.Kernel;
using Wisp.Kernel.Events;
using Wisp.Kernel.Remote;

namespace Wisp.Tests.Kernel.Cli;

public sealed class ProcessTableTests
{
    private static ProcessReport Process(int pid, ProcessState state, string why = "", long tokens = 0) => new()
    {
        Pid = new Pid(pid), Parent = new Pid(0), Group = new Pid(pid), Name = $"agent{pid}", State = state, Why = why,
        Class = Wisp.Kernel.Scheduling.SchedulingClass.Normal,
        Usage = new Usage(100, 900, tokens, 2, 3, 60), LastCall = "fs.read /a\e[2J\nb", TokensMax = pid == 2 ? 1000
            : null,
        Handles = [World.Everything with { Uses = 2, Asks = true, Delegable = false, WhenTainted = false }],
    };

    private static KernelReply Reply(params ProcessReport[] processes) => new()
    {
        Processes = processes,
        Status = new KernelStatus
        {
            Model = "m.gguf", KvUsed = 30, KvIdle = 10, KvFree = 60, KvBlockBytes = 40960, Seconds = 65,
            DecodeTokens = 500,
            PrefillTokens = 100, ReusedTokens = 900,
        },
        Asks = [new AskReport(3, new Pid(1), AskKind.Call, "mail to eve?")],
    };

    [Fact]
    public void Top_shows_who_runs_first_and_what_waits_for_the_user()
    {
        var screen = ProcessTable.Screen(
            Reply(Process(1, ProcessState.Blocked, "answer 3", 9), Process(2, ProcessState.Running, tokens: 250)),
            (new KernelStatus { DecodeTokens = 400 }, TimeSpan.FromSeconds(2)), 20, unicode: true)
            .Select(line => line.ToString()).ToList();
        Assert.Contains("2 processes: 1 running, 1 blocked", screen[0]);
        Assert.Contains("500 written, 50.0 a second; prompts 1,000, 90", screen[1]);
        Assert.Contains("30 of 100 blocks used", screen[2]);
        Assert.Contains("mail to eve?  wisp approve 3", screen[3]);
        Assert.StartsWith("   2  0     2     norm  running  250      25", screen[6]);
        Assert.EndsWith("answer 3", screen[7]);
        // What comes from outside cannot steer the terminal.
        Assert.DoesNotContain(screen, line => line.Contains('\e') || line.Contains('\n'));
    }

    [Fact]
    public void A_screen_that_is_too_low_says_how_many_are_hidden()
    {
        var screen = ProcessTable.Screen(
            Reply([.. Enumerable.Range(1, 100).Select(pid => Process(pid, ProcessState.Ready))]), null, 12, false);
        Assert.Equal(12, screen.Count);
        Assert.EndsWith("... and 95 more", screen[^1].ToString());
    }

    [Fact]
    public void Handles_show_their_limits()
    {
        var lines = ProcessTable.Handles([Process(1, ProcessState.Ready)]).Select(line => line.ToString()).ToList();
        Assert.Contains("asks, 2 uses, not for children, not once tainted", lines[1]);
    }

    [Fact]
    public void An_event_is_one_line()
    {
        KernelEvent[] events =
        [
            new Said(1, "a\nb\e[31m", "0|*"), new Returned(1, 2, SysStatus.Denied, "no", "1|*", []),
            new Intended(1, 2, "1.2", "fs.read", "/a", "", Effect.Pure), new Reaped(4),
        ];
        foreach (var e in events)
        {
            var line = EventLine.Of(new JournalEntry(1, 2, 3, true, e));
            Assert.DoesNotContain('\n', line);
            Assert.DoesNotContain('\e', line);
        }

        Assert.EndsWith("1   ... call 2 = denied: no", EventLine.Of(new JournalEntry(1, 2, 3, true, events[1])));
    }
}
