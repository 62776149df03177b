using System.CommandLine;
using Wisp.Agents;
using Wisp.Kernel;
using Wisp.Kernel.Events;
using Wisp.Kernel.Remote;
using Wisp.Kernel.Scheduling;

namespace Wisp.Cli.Os;

/// <summary><c>wisp spawn, ps, kill, nice, lsof, approve</c>: one request each to the user's kernel.</summary>
internal static class ProcessCommands
{
    private static readonly string[] s_signals = ["TERM", "KILL", "STOP", "CONT", "INT"];

    public static IEnumerable<Command> Create() => [Spawn(), Ps(), Kill(), Nice(), Lsof(), Approve()];

    private static Verb Spawn()
    {
        var message = new Argument<string>("MESSAGE") { Description = "What it is asked" };
        var instructions = new Option<string>("--instructions", "-i")
        {
            Description = "Who it is and what it does", HelpName = "TEXT", DefaultValueFactory = _ => "",
        };
        var name = new Option<string>("--name")
        {
            Description = "What ps calls it", HelpName = "NAME", DefaultValueFactory = _ => "agent",
        };
        var seed = new Option<ulong>("--seed") { Description = "Seed of its draws", HelpName = "N" };
        var temperature = new Option<double>("--temperature", "-t")
        {
            Description = "0 takes the likeliest token", HelpName = "T", DefaultValueFactory = _ => 0.8,
        };
        var tokens = new Option<int>("--tokens", "-n")
        {
            Description = "The most tokens of one turn", HelpName = "N", DefaultValueFactory = _ => 256,
        };
        var files = new Option<bool>("--files") { Description = "Tell it of the file verbs too" };
        var noTools = new Option<bool>("--no-tools") { Description = "Tell it of no calls at all" };
        var stays = new Option<bool>("--stay") { Description = "Wait for more messages instead of ending" };
        var wait = new Option<bool>("--wait") { Description = "Wait for its end and print what it said" };
        var batch = new Option<bool>("--batch") { Description = "Run it after everything else" };
        var command = new Verb("spawn", "Start an agent as a process of the kernel", KernelLink.Group,
            "wisp spawn --wait \"What is 3 * 14?\"", "wisp spawn -i \"You look things up.\" --stay \"hello\"")
        {
            message, instructions, name, seed, temperature, tokens, files, noTools, stays, wait, batch,
        };
        command.SetAction(async (parse, cancel) =>
        {
            var reply = await KernelLink.AskAsync(new KernelRequest(KernelOp.Spawn)
            {
                Spawn = new SpawnRequest
                {
                    Name = parse.GetRequiredValue(name),
                    Instructions = ToolList.With(
                        parse.GetRequiredValue(instructions), parse.GetValue(files) && !parse.GetValue(noTools)
                            ? ToolList.Files : []),
                    ListsTools = !parse.GetValue(noTools),
                    Message = parse.GetRequiredValue(message), Seed = parse.GetValue(seed),
                    Temperature = parse.GetRequiredValue(temperature), TurnTokens = parse.GetRequiredValue(tokens),
                    Stays = parse.GetValue(stays), Detached = true, NewGroup = true,
                    Class = parse.GetValue(batch) ? SchedulingClass.Batch : SchedulingClass.Normal,
                    Capabilities = DefaultCapabilities,
                },
            }, cancel).ConfigureAwait(false);
            var output = parse.InvocationConfiguration.Output;
            if (!parse.GetValue(wait))
            {
                output.WriteLine(reply.Pid);
                return 0;
            }

            var exit = (await KernelLink.AskAsync(new KernelRequest(KernelOp.Wait) { Pid = reply.Pid }, cancel)
                .ConfigureAwait(false)).Exit!;
            output.WriteLine(Terminal.Clean(exit.Answer));
            if (exit.Code != 0)
                throw new UserException($"Process {reply.Pid} ended with {exit.Code}: {exit.Reason}.");
            return 0;
        });
        return command;
    }

    /// <summary>What an agent of the user's may do without asking: look at files and calculate; it asks before it
    /// writes.</summary>
    private static IReadOnlyList<Capability> DefaultCapabilities { get; } =
    [
        new Capability { Pattern = "/**", Rights = Right.Look },
        new Capability { Pattern = "/tools/calculator", Rights = Right.Call },
        new Capability { Pattern = "/proc", Rights = Right.Spawn },
        new Capability { Pattern = "/dev/user", Rights = Right.Ask },
        new Capability { Pattern = "/**", Rights = Right.Write | Right.Call, Asks = true },
    ];

    private static Verb Ps()
    {
        var command = new Verb("ps", "Show the processes of the kernel", KernelLink.Group, "wisp ps");
        command.SetAction(async (parse, cancel) =>
        {
            var reply = await KernelLink.AskAsync(new KernelRequest(KernelOp.Ps), cancel).ConfigureAwait(false);
            var console = Terminal.On(parse.InvocationConfiguration.Output);
            foreach (var line in ProcessTable.Lines(reply.Processes ?? []))
                line.WriteTo(console);
            foreach (var ask in reply.Asks ?? [])
                Terminal.Say(console, $"asks: {Terminal.Clean(ask.Text)} (wisp approve {ask.Number})");
            return 0;
        });
        return command;
    }

    private static Verb Kill()
    {
        var pid = new Argument<int>("PID") { Description = "The process" };
        var signal = new Option<string>("--signal", "-s")
        {
            Description = "TERM lets it say last words, KILL ends it at once, INT breaks in, STOP and CONT",
            HelpName = string.Join('|', s_signals), DefaultValueFactory = _ => "TERM",
        };
        var group = new Option<bool>("--group", "-g") { Description = "All processes of the group of that number" };
        var command = new Verb("kill", "Signal a process and all below it", KernelLink.Group,
            "wisp kill 7", "wisp kill -s KILL -g 7")
        {
            pid, signal, group,
        };
        command.SetAction(async (parse, cancel) =>
        {
            var name = parse.GetRequiredValue(signal).ToUpperInvariant();
            await KernelLink.AskAsync(
                new KernelRequest(parse.GetValue(group) ? KernelOp.SignalGroup : KernelOp.Signal)
                {
                    Pid = parse.GetValue(pid), Signal = name switch
                    {
                        "TERM" => Signal.Term,
                        "KILL" => Signal.Kill,
                        "STOP" => Signal.Stop,
                        "CONT" => Signal.Continue,
                        "INT" => Signal.Int,
                        _ => throw new UserException(
                            $"--signal is '{name}'; it must be one of {string.Join(", ", s_signals)}."),
                    },
                }, cancel).ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    private static Verb Nice()
    {
        var pid = new Argument<int>("PID") { Description = "The process" };
        var schedulingClass = new Option<SchedulingClass>("--class", "-c")
        {
            Description = "Interactive goes before normal, normal before batch",
            DefaultValueFactory = _ => SchedulingClass.Normal,
        };
        var weight = new Option<double>("--weight", "-w")
        {
            Description = "Its share of the model against others of its class", HelpName = "W",
            DefaultValueFactory = _ => 1,
        };
        var command = new Verb("nice", "Change the class and the share of a process", KernelLink.Group,
            "wisp nice 7 -c batch", "wisp nice 7 -w 4")
        {
            pid, schedulingClass, weight,
        };
        command.SetAction(async (parse, cancel) =>
        {
            await KernelLink.AskAsync(new KernelRequest(KernelOp.Nice)
            {
                Pid = parse.GetValue(pid), Class = parse.GetValue(schedulingClass), Weight = parse.GetValue(weight),
            }, cancel).ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    private static Verb Lsof()
    {
        var pid = new Argument<int?>("PID")
        {
            Description = "The process; without it all",
            Arity = ArgumentArity.ZeroOrOne
        };
        var command = new Verb("lsof", "Show what processes hold: their capabilities by handle", KernelLink.Group,
            "wisp lsof 7")
        {
            pid,
        };
        command.SetAction(async (parse, cancel) =>
        {
            var reply = await KernelLink.AskAsync(new KernelRequest(KernelOp.Ps), cancel).ConfigureAwait(false);
            var wanted = parse.GetValue(pid);
            var found = (reply.Processes ?? []).Where(p => wanted is null || p.Pid.Number == wanted).ToList();
            if (found.Count == 0 && wanted is not null)
                throw new UserException($"There is no process {wanted}.");
            var console = Terminal.On(parse.InvocationConfiguration.Output);
            foreach (var line in ProcessTable.Handles(found))
                line.WriteTo(console);
            return 0;
        });
        return command;
    }

    private static Verb Approve()
    {
        var ask = new Argument<int?>("NUMBER")
        {
            Description = "The question; without it all are shown", Arity = ArgumentArity.ZeroOrOne,
        };
        var no = new Option<bool>("--no") { Description = "Refuse it" };
        var answer = new Option<string>("--answer", "-a")
        {
            Description = "What to answer to a question", HelpName = "TEXT", DefaultValueFactory = _ => "",
        };
        var uses = new Option<int>("--uses")
        {
            Description = "Allow the same call so many times", HelpName = "N", DefaultValueFactory = _ => 1,
        };
        var command = new Verb("approve", "Answer what processes ask before they go on", KernelLink.Group,
            "wisp approve", "wisp approve 3", "wisp approve 3 --no")
        {
            ask, no, answer, uses,
        };
        command.SetAction(async (parse, cancel) =>
        {
            if (parse.GetValue(ask) is { } number)
            {
                await KernelLink.AskAsync(new KernelRequest(KernelOp.Answer)
                {
                    Ask = number, Yes = !parse.GetValue(no), Text = parse.GetRequiredValue(answer),
                    Uses = parse.GetValue(uses),
                }, cancel).ConfigureAwait(false);
                return 0;
            }

            var reply = await KernelLink.AskAsync(new KernelRequest(KernelOp.Asks), cancel).ConfigureAwait(false);
            var output = parse.InvocationConfiguration.Output;
            foreach (var open in reply.Asks ?? [])
                output.WriteLine($"{open.Number}  process {open.Pid}, {Kind(open.Kind)}: {Terminal.Clean(open.Text)}");
            if (reply.Asks is not { Count: > 0 })
                output.WriteLine("Nothing is asked.");
            return 0;
        });
        return command;
    }

    private static string Kind(AskKind kind) => kind switch
    {
        AskKind.Call => "a call",
        AskKind.Budget => "a budget",
        AskKind.Doubt => "a doubt after a crash",
        AskKind.Repeat => "a repetition",
        _ => "a question",
    };
}
