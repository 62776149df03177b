using Wisp.Kernel;
using Wisp.Kernel.Budgets;
using Wisp.Kernel.Events;
using Wisp.Kernel.Scheduling;

namespace Wisp.Tests.Kernel;

public sealed class ProcessTests
{
    [Fact]
    public void A_process_answers_and_ends()
    {
        using var world = new World((_, prompt) => prompt.Contains("[user] hello") ? "hello yourself" : "what?");
        var pid = world.Spawn("hello", r => r with { Instructions = "Be kind." });
        Assert.Equal("[System] Be kind.\n[User] hello", world.Context(pid));
        world.Run();
        Assert.Equal(new ProcessExit(0, "done", "hello yourself"), world.Exit(pid));
        Assert.Equal(["booted", "spawned", "turned", "exited", "reaped"],
            world.Events.Select(e => e.Event.GetType().Name.ToLowerInvariant()));
    }

    [Fact]
    public void A_call_and_its_result_become_memory_together()
    {
        using var world = new World((_, prompt) => prompt.Contains("[tool]")
            ? "It says: " + prompt.Split("[tool] ")[1].Split('\n')[0]
            : "Let me look. " + World.Call("fs.read", """{"path": "/docs//a.txt"}"""));
        var pid = world.Spawn("what is in a?");
        world.Run();
        Assert.Equal("It says: Read /docs/a.txt", world.Exit(pid).Answer);
        Assert.Equal(1, world.Events.Count(e => e.Event is Intended { Path: "/docs/a.txt", Class: Effect.Pure }));
    }

    [Fact]
    public void A_tool_nobody_granted_is_denied_and_the_model_is_told()
    {
        var driver = new TestDriver(_ => "42");
        using var world = new World((_, prompt) => prompt.Contains("[tool]") ? prompt.Split("[tool]")[1]
            : World.Call("mail", """{"to": "eve"}"""), driver);
        var pid = world.Spawn("go", r => r with
        {
            Capabilities = [new Capability { Pattern = "/tools/calc", Rights = Right.Call }],
        });
        world.Run();
        Assert.Contains("tool.call of /tools/mail is not allowed: this process has no capability for it",
            world.Exit(pid).Answer);
        Assert.Empty(driver.Calls);
    }

    [Theory]
    [InlineData("<tool_call>{\"name\": </tool_call>", "holds no JSON object")]
    [InlineData("<tool_call>", "holds no JSON object")]
    [InlineData("""<tool_call>{"name": "fs.read", "arguments": {}}</tool_call>""", "'path' is missing")]
    [InlineData("""<tool_call>{"name": "fs.read", "arguments": {"path": 7}}</tool_call>""", "must be a text")]
    [InlineData("""<tool_call>{"name": "fs.read", "arguments": {"path": "/docs/../etc/passwd"}}</tool_call>""",
        "has a part . or ..")]
    [InlineData("""<tool_call>{"name": "fs.read", "arguments": {"path": "docs"}}</tool_call>""", "no absolute path")]
    [InlineData("""<tool_call>{"name": "fs.read", "arguments": {"path": "/a", "from": -1}}</tool_call>""",
        "'from' must be a number of bytes")]
    [InlineData("""<tool_call>{"name": "fs.read", "arguments": {"path": "/a", "from": 9, "to": 4}}</tool_call>""",
        "'to' is 4, before 'from'")]
    [InlineData("""<tool_call>{"name": "../../bin/sh", "arguments": {}}</tool_call>""", "no name of a call or a tool")]
    [InlineData("""<tool_call>{"name": "proc.kill", "arguments": {"pid": "1"}}</tool_call>""", "number of a process")]
    [InlineData("""<tool_call>{"name": "proc.kill", "arguments": {"pid": 1, "signal": "HUP"}}</tool_call>""",
        "none of TERM")]
    [InlineData("""<tool_call>{"name": "time.sleep", "arguments": {"seconds": 1e99}}</tool_call>""", "0 to 86400")]
    [InlineData("""<tool_call>{"name": "fs.read", "arguments": {"path": "/a\ud800b"}}</tool_call>""",
        "half a character")]
    public void What_is_no_call_comes_back_as_a_reason(string written, string reason)
    {
        var driver = new TestDriver(_ => "");
        using var world = new World((_, prompt) =>
            prompt.Contains("[tool]") ? prompt.Split("[tool]")[1] : written, driver);
        var pid = world.Spawn("go");
        world.Run();
        Assert.Contains(reason, world.Exit(pid).Answer);
        Assert.Empty(driver.Calls);
    }

    [Theory]
    [InlineData("", ""), InlineData(", \"from\": 100", "100"), InlineData(", \"to\": 7", "0-7")]
    [InlineData(", \"from\": 5000000000, \"to\": 5000000001", "5000000000-5000000001")]
    [InlineData(", \"from\": null", "")]
    public void A_file_can_be_read_in_part(string range, string body)
    {
        var driver = new TestDriver(call => call.Body);
        using var world = new World((_, prompt) => prompt.Contains("[tool]") ? "done"
            : World.Call("fs.read", $$"""{"path": "/a"{{range}}}"""), driver);
        world.Spawn("go");
        world.Run();
        Assert.Equal(body, Assert.Single(driver.Calls).Body);
    }

    [Fact]
    public void Calls_beyond_sixteen_a_turn_are_not_done()
    {
        var driver = new TestDriver(_ => "x");
        using var world = new World((_, prompt) => prompt.Contains("[tool]") ? prompt.Split("[tool]")[^1]
            : string.Concat(Enumerable.Range(0, 200).Select(i => World.Call("fs.read", $$"""{"path": "/{{i}}"}"""))),
                driver);
        var pid = world.Spawn("go", r => r with { TurnTokens = 1 << 16 });
        world.Run();
        Assert.Equal(16, driver.Calls.Count);
        Assert.Contains("at most 16 calls", world.Exit(pid).Answer);
    }

    [Fact]
    public void A_model_that_never_stops_is_cut_and_its_budget_ends_it()
    {
        using var world = new World((_, _) => new string('a', 100_000));
        var talker = world.Spawn("go", r => r with { TurnTokens = 300 });
        world.Run();
        Assert.Equal(300, world.Exit(talker).Answer.Length);

        // Endless calls: each turn makes another.
        using var caller = new World((_, prompt) =>
            World.Call("fs.read", $$"""{"path": "/{{prompt.Length}}"}"""));
        var pid = caller.Spawn("go", r => r with
        {
            Limits = new Dictionary<Resource, Limit> { [Resource.DecodeTokens] = new(null, 1000) },
        });
        caller.Run();
        Assert.Contains("out of budget: process 1 has used 1000 of 1000 DecodeTokens", caller.Exit(pid).Reason);
        Assert.Contains(caller.Events, e => e.Event is Signalled { Signal: Signal.Budget }); // warned before
    }

    [Fact]
    public void A_parent_waits_for_its_child_and_reaps_it()
    {
        using var world = new World((pid, prompt) => pid.Number switch
        {
            2 => "six",
            _ when !prompt.Contains("[tool]") => World.Call("proc.spawn", """{"name": "adder", "message": "2+4?"}"""),
            _ when prompt.Split("[tool]").Length == 2 => World.Call("proc.wait", """{"pid": 2}"""),
            _ => "my child said" + prompt.Split("[tool]")[2].Split('\n')[0],
        });
        var parent = world.Spawn("add");
        world.Run();
        Assert.Equal("my child said six", world.Exit(parent).Answer);
        Assert.Equal("six", world.Exit(new Pid(2)).Answer);
        Assert.Empty(world.Do(world.Kernel.ReportsAsync()));
        Assert.Equal(0, world.Kernel.Budget.Used(Resource.Children));
    }

    [Fact]
    public void A_child_can_do_nothing_that_its_parent_cannot()
    {
        var driver = new TestDriver(_ => "x");
        using var world = new World((pid, prompt) => pid.Number switch
        {
            2 when !prompt.Contains("[tool]") => World.Call("fs.read", """{"path": "/docs/a"}""")
                + World.Call("fs.write", """{"path": "/docs/a", "text": "b"}""") + World.Call("mail", "{}"),
            2 => "tried",
            _ when !prompt.Contains("[tool]") => World.Call("proc.spawn", """{"message": "do"}""")
                + World.Call("proc.wait", """{"pid": 2}"""),
            _ => "done",
        }, driver);
        world.Spawn("go", r => r with
        {
            Capabilities =
            [
                new Capability { Pattern = "/docs/**", Rights = Right.Read },
                new Capability { Pattern = "/proc", Rights = Right.Spawn },
                new Capability { Pattern = "/tools/mail", Rights = Right.Call, Delegable = false },
            ],
        });
        world.Run();
        Assert.Equal(Verb.Read, Assert.Single(driver.Calls).Verb);
        var spawned = world.Events.Select(e => e.Event).OfType<Spawned>().ToList();
        Assert.All(spawned[1].Request.Capabilities,
            c => Assert.Contains(spawned[0].Request.Capabilities, c.IsWithin));
    }

    [Fact]
    public void Whoever_is_killed_takes_all_below_along_and_leaves_nothing()
    {
        // Every process has two children, down to fifteen, and then all of them sleep.
        using var world = new World((pid, prompt) => pid.Number < 8 && !prompt.Contains("[tool]")
            ? World.Call("proc.spawn", """{"message": "a"}""") + World.Call("proc.spawn", """{"message": "b"}""")
            : World.Call("time.sleep", """{"seconds": 100}"""));
        var root = world.Spawn("go");
        world.Run();
        Assert.Equal(15, world.Do(world.Kernel.ReportsAsync()).Count);
        world.Do(world.Kernel.SignalAsync(root, Signal.Kill));
        Assert.Empty(world.Do(world.Kernel.ReportsAsync()));
        Assert.Equal(Enumerable.Range(1, 15), world.Ended.Order());
        Assert.Equal(0, world.Core.Kv.Use.Used);
        Assert.Equal(137, world.Exit(root).Code);
        Assert.Equal("There is no process 1.", Assert.Throws<ArgumentException>(
            () => world.Do(world.Kernel.SignalAsync(root, Signal.Kill))).Message);
    }

    [Fact]
    public void Term_gives_a_few_last_words_and_then_ends()
    {
        var driver = new TestDriver(async (_, cancel) =>
        {
            await Task.Delay(Timeout.Infinite, cancel); // hangs until it is told
            return TestDriver.Ok("");
        });
        using var world = new World((_, prompt) => prompt.Contains("[kernel] You are being stopped")
            ? "remember the milk" : World.Call("fs.read", """{"path": "/a"}"""), driver,
            new KernelOptions { LastWords = 8 });
        var pid = world.Spawn("go");
        for (var i = 0; i < 200; i++)
            world.Kernel.Tick();
        Assert.Equal(ProcessState.Blocked, world.Report(pid).State);
        world.Do(world.Kernel.SignalAsync(pid, Signal.Term));
        for (var i = 0; i < 200; i++)
            world.Kernel.Tick();
        Assert.Equal(new ProcessExit(143, "stopped", "remember"), world.Exit(pid));
    }

    [Fact]
    public void A_stopped_process_stands_still_until_it_goes_on()
    {
        using var world = new World((_, _) => new string('x', 500));
        var pid = world.Spawn("go");
        for (var i = 0; i < 100; i++)
            world.Kernel.Tick();
        world.Do(world.Kernel.SignalAsync(pid, Signal.Stop));
        var tokens = world.Core.ComputedRows;
        world.Run();
        Assert.Equal(ProcessState.Stopped, world.Report(pid).State);
        Assert.InRange(world.Core.ComputedRows - tokens, 0, 1);
        world.Do(world.Kernel.SignalAsync(pid, Signal.Continue));
        world.Run();
        Assert.Equal(500, world.Exit(pid).Answer.Length);
        Assert.InRange(world.Core.ComputedRows, 500, 520); // nothing was computed twice
    }

    [Fact]
    public void The_user_breaks_in_at_a_token_and_what_was_said_is_kept()
    {
        using var world = new World((_, prompt) => prompt.Contains("[user] stop") ? "sorry" : new string('y', 1000));
        var pid = world.Spawn("talk", r => r with { Stays = true });
        for (var i = 0; i < 60; i++)
            world.Kernel.Tick();
        world.Do(world.Kernel.SayAsync(pid, "stop"));
        world.Do(world.Kernel.SignalAsync(pid, Signal.Int));
        world.Run();
        Assert.Equal((ProcessState.Blocked, "a message"), (world.Report(pid).State, world.Report(pid).Why));
        Assert.Matches(@"^\[User\] talk\n\[Assistant\] y{20,100}\n\[User\] stop\n\[Assistant\] sorry$",
            world.Context(pid));
    }

    [Fact]
    public void A_fork_has_its_parents_memory_and_what_either_hears_later_is_its_own()
    {
        using var world = new World((_, prompt) =>
            prompt.Contains("branch") ? new string('B', 40) : prompt.Contains("more") ? "P" : "ok");
        var parent = world.Spawn("one", r => r with { Stays = true });
        world.Run();
        var child = world.Do(world.Kernel.ForkAsync(parent, "twin", "branch"));
        Assert.Equal("[User] one\n[Assistant] ok\n[User] branch", world.Context(child));
        world.Do(world.Kernel.SayAsync(parent, "more"));
        world.Run();
        Assert.Equal(new string('B', 40), world.Exit(child).Answer);
        Assert.Equal("[User] one\n[Assistant] ok\n[User] more\n[Assistant] P", world.Context(parent));
    }

    [Fact]
    public void Exec_keeps_the_number_and_forgets_the_rest()
    {
        using var world = new World((_, prompt) => prompt.Contains("[system] new") ? "new me" : "old me");
        var pid = world.Spawn("hi", r => r with { Stays = true, Instructions = "old" });
        world.Run();
        world.Do(world.Kernel.ExecAsync(pid, "other", "new", "again"));
        world.Run();
        Assert.Equal("[System] new\n[User] again\n[Assistant] new me", world.Context(pid));
        Assert.Equal("other", world.Report(pid).Name);
    }

    [Fact]
    public void A_driver_that_hangs_is_left_behind_and_one_that_throws_or_lies_is_a_failed_call()
    {
        using var gate = new ManualResetEventSlim();
        var driver = new TestDriver((call, _) =>
        {
            switch (call.Path)
            {
                case "/hangs":
                    gate.Wait(CancellationToken.None); // deaf to its cancellation, and on its thread
                    return Task.FromResult(TestDriver.Ok("too late"));
                case "/throws":
                    throw new InvalidOperationException("broken");
                case "/null":
                    return Task.FromResult<SysResult>(null!);
                case "/status":
                    return Task.FromResult(TestDriver.Ok("") with { Status = (SysStatus)77 });
                case "/huge":
                    return Task.FromResult(TestDriver.Ok(new string('h', 5 << 20)));
                default:
                    return Task.FromResult(TestDriver.Ok("half \ud800 a pair"));
            }
        });
        using var world = new World((pid, prompt) => prompt.Contains("[tool]")
            ? prompt.Split("[tool] ")[1][..Math.Min(90, prompt.Split("[tool] ")[1].Length)]
            : World.Call("fs.read", $$"""{"path": "{{prompt.Split("[user] ")[1].Split('\n')[0]}}"}"""), driver,
            new KernelOptions { CallDeadline = TimeSpan.FromSeconds(5) }, blocks: 40_000, context: 1 << 20);
        var pids = ((string[])["/hangs", "/throws", "/null", "/status", "/huge", "/half"])
            .Select(path => world.Spawn(path))
            .ToList();
        while (world.Events.Count(e => e.Event is Exited) < 5)
            world.Kernel.Tick();
        Assert.Contains("InvalidOperationException: broken", world.Exit(pids[1]).Answer);
        Assert.Contains("the driver's answer is none", world.Exit(pids[2]).Answer);
        Assert.Contains("the driver's answer is none", world.Exit(pids[3]).Answer);
        Assert.StartsWith("hhhh", world.Exit(pids[4]).Answer);
        Assert.StartsWith("half \ufffd a pair", world.Exit(pids[5]).Answer);
        Assert.Equal(ProcessState.Blocked, world.Report(pids[0]).State);
        world.Time.Advance(TimeSpan.FromSeconds(6));
        for (var i = 0; i < 200; i++)
            world.Kernel.Tick();
        Assert.Contains("did not answer within 5 s", world.Exit(pids[0]).Answer);
        gate.Set();
    }

    [Fact]
    public void A_call_that_needs_a_person_waits_and_agreement_is_for_exactly_that_call()
    {
        var driver = new TestDriver(call => call.Body);
        using var world = new World((_, prompt) => (prompt.Split("[tool]").Length - 1) switch
        {
            0 or 1 => World.Call("mail", """{"to": "ann"}"""),
            2 => World.Call("mail", """{"to": "eve"}"""),
            _ => prompt.Split("[tool] ")[^1].Split('\n')[0],
        }, driver);
        var pid = world.Spawn("go", r => r with
        {
            Capabilities = [new Capability { Pattern = "/tools/mail", Rights = Right.Call, Asks = true }],
        });
        world.Run();
        var ask = Assert.Single(world.Asks);
        Assert.Equal("""agent asks for tool.call /tools/mail with {"to":"ann"}. Allow it?""", ask.Text);
        Assert.Empty(driver.Calls);
        world.Do(world.Kernel.AnswerAsync(ask.Number, yes: true));
        world.Run();
        Assert.Single(driver.Calls);
        world.Do(world.Kernel.AnswerAsync(Assert.Single(world.Asks).Number, yes: true)); // the same again: asked again
        world.Run();
        Assert.Contains("eve", world.Asks[0].Text);
        world.Do(world.Kernel.AnswerAsync(world.Asks[0].Number, yes: false));
        world.Run();
        Assert.Equal(2, driver.Calls.Count);
        Assert.Equal("The user said no.", world.Exit(pid).Answer);
        Assert.Throws<ArgumentException>(() => world.Do(world.Kernel.AnswerAsync(ask.Number, true)));
    }

    [Fact]
    public void An_approval_cannot_be_skipped_by_handing_the_work_to_a_child()
    {
        var driver = new TestDriver(_ => "sent");
        using var world = new World((pid, prompt) => pid.Number == 2
            ? prompt.Contains("[tool]") ? "ok" : World.Call("mail", "{}")
            : prompt.Contains("[tool]") ? "done"
            : World.Call("proc.spawn", """{"message": "mail it"}""") + World.Call("proc.wait", """{"pid": 2}"""),
                driver);
        world.Spawn("go", r => r with
        {
            Capabilities =
            [
                new Capability { Pattern = "/tools/**", Rights = Right.Call, Asks = true },
                new Capability { Pattern = "/proc", Rights = Right.Spawn },
            ],
        });
        world.Run();
        Assert.Equal(2, Assert.Single(world.Asks).Pid.Number);
        Assert.Empty(driver.Calls);
    }

    [Fact]
    public void A_budget_asks_at_its_mark_and_refuses_at_its_end()
    {
        using var world = new World((_, prompt) => prompt.Split("[tool]").Length is var n and < 6
            ? World.Call("fs.read", $$"""{"path": "/{{n}}"}""") : prompt.Split("[tool]")[^1]);
        var pid = world.Spawn("go", r => r with
        {
            Limits = new Dictionary<Resource, Limit> { [Resource.ToolCalls] = new(2, 4) },
        });
        world.Run();
        Assert.Equal(AskKind.Budget, Assert.Single(world.Asks).Kind);
        world.Do(world.Kernel.AnswerAsync(world.Asks[0].Number, true));
        world.Run();
        Assert.Contains("fs.read needs 1 more of ToolCalls; process 1 has 4 of 4 used", world.Exit(pid).Answer);
    }

    [Fact]
    public void Who_repeats_a_call_without_news_is_asked_about_and_who_waits_is_not()
    {
        using var world = new World((_, _) => World.Call("fs.read", """{"path": "/same"}"""),
            options: new KernelOptions { InlineDrivers = true, Repeats = 3 });
        var pid = world.Spawn("go");
        world.Run();
        Assert.Equal(AskKind.Repeat, Assert.Single(world.Asks).Kind);
        Assert.Equal(3, world.Report(pid).Usage.Calls);

        var sleeps = 0;
        using var patient = new World((_, _) => sleeps++ < 20
            ? World.Call("time.sleep", """{"seconds": 60}""") : "the build is done");
        var waiting = patient.Spawn("wait for the build");
        for (var i = 0; i < 21; i++)
        {
            patient.Run();
            patient.Time.Advance(TimeSpan.FromMinutes(1));
        }

        patient.Run();
        Assert.Equal("the build is done", patient.Exit(waiting).Answer);
    }

    [Fact]
    public void Time_without_a_person_is_budgeted_and_time_with_one_is_not()
    {
        using var world = new World((_, prompt) => prompt.Contains("[tool]")
            ? World.Call("time.sleep", """{"seconds": 50}""") : World.Call("user.ask", """{"question": "who?"}"""));
        var pid = world.Spawn("go", r => r with
        {
            Limits = new Dictionary<Resource, Limit> { [Resource.WallMilliseconds] = new(null, 60_000) },
        });
        world.Run();
        world.Time.Advance(TimeSpan.FromDays(3));
        world.Run();
        world.Do(world.Kernel.AnswerAsync(world.Asks[0].Number, true, "me"));
        world.Run();
        for (var i = 0; i < 70; i++)
        {
            world.Time.Advance(TimeSpan.FromSeconds(1));
            world.Run();
        }

        Assert.Contains("out of time", world.Exit(pid).Reason);
    }

    [Fact]
    public void Two_hundred_processes_share_what_they_have_in_common_and_all_end()
    {
        var prefix = new string('p', 511);
        using var world = new World((pid, _) => $"answer of {pid}", blocks: 1200,
            options: new KernelOptions { InlineDrivers = true, Slots = 64 });
        var pids = Enumerable.Range(0, 200).Select(i => world.Spawn($"task {i}", r => r with { Instructions = prefix }))
            .ToList();
        world.Run();
        Assert.All(pids, pid => Assert.Equal($"answer of {pid}", world.Exit(pid).Answer));
        Assert.InRange(world.Core.ComputedRows, 200 * 20, (200 * 60) + 512); // the prefix once
    }

    [Fact]
    public void Too_little_memory_slows_down_and_a_sequence_that_never_fits_ends_alone()
    {
        using var world = new World((pid, _) => new string((char)('a' + (pid.Number % 20)), 200), blocks: 40);
        var pids = Enumerable.Range(0, 12).Select(i => world.Spawn($"{i}: " + new string('q', 100))).ToList();
        var giant = world.Spawn(new string('g', 2000));
        world.Run();
        Assert.All(pids, pid => Assert.Equal(200, world.Exit(pid).Answer.Length));
        Assert.Equal("out of memory for keys and values: it needs more than there is", world.Exit(giant).Reason);
    }

    [Fact]
    public void A_context_that_is_full_is_said_with_numbers()
    {
        using var world = new World((_, _) => "x", context: 64);
        var pid = world.Spawn(new string('m', 100));
        world.Run();
        Assert.Equal("its context is full: 103 tokens, and the model reads 64", world.Exit(pid).Reason);
    }

    [Fact]
    public void States_have_no_other_edges()
    {
        using var world = new World((_, _) => "x");
        world.Spawn("a", r => r with { Class = SchedulingClass.Batch, Weight = 3, Stays = true });
        Assert.Equal((SchedulingClass.Batch, 3.0), (world.Report(new Pid(1)).Class, world.Report(new Pid(1)).Weight));
        world.Do(world.Kernel.ReniceAsync(new Pid(1), SchedulingClass.Interactive, 2));
        Assert.Equal(SchedulingClass.Interactive, world.Report(new Pid(1)).Class);
        Assert.Throws<ArgumentException>(() => world.Do(world.Kernel.SayAsync(new Pid(9), "hi")));
        Assert.ThrowsAny<ArgumentException>(() => world.Spawn("x", r => r with { Temperature = double.NaN }));
        Assert.ThrowsAny<ArgumentException>(() => world.Spawn("x", r => r with { Name = "" }));
    }
}
