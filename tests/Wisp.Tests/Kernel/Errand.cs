using System.Runtime.CompilerServices;
using Wisp.Guard;
using Wisp.Kernel;
using Wisp.Kernel.Events;

namespace Wisp.Tests.Kernel;

/// <summary>
/// A run with every kind of call, for kills: a note that can be probed, a bell that cannot, a file that is written
/// whole, a child that is waited for. Effects are lines in files, each with the key of its call.
/// </summary>
internal static class Errand
{
    private const string Variable = "WISP_TESTS_ERRAND";

    /// <summary>
    /// This very program as the victim: with the variable set it runs the errand, and kills itself at a boundary of the
    /// journal, instead of running tests.
    /// </summary>
    [ModuleInitializer]
    internal static void BecomeVictim()
    {
        if (Environment.GetEnvironmentVariable(Variable)?.Split('|') is not [var folder, var boundary])
            return;
        var left = int.Parse(boundary);
        using var journal = Journal.Open(Path.Combine(folder, "journal.db"), out var past);
        journal.Boundary = _ =>
        {
            if (--left > 0)
                return;
            System.Diagnostics.Process.GetCurrentProcess().Kill(); // SIGKILL
            Thread.Sleep(Timeout.Infinite);
        };
        using var world = Open(folder, journal, past);
        if (past.Count == 0)
            Start(world);
        world.Run();
        Environment.Exit(0);
    }

    public static System.Diagnostics.ProcessStartInfo Victim(string folder, int boundary) =>
        new("dotnet", [typeof(Errand).Assembly.Location])
        {
            Environment = { [Variable] = $"{folder}|{boundary}" }, RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

    public static World Open(string folder, Journal? journal, IReadOnlyList<JournalEntry> past) =>
        new(Script, new Desk(folder), journal: journal, past: past);

    public static void Start(World world)
    {
        world.Spawn("write down what happens");
        world.Spawn("have it done by a child");
    }

    /// <summary>Goes on to the end, with a user who looks at the bell before answering.</summary>
    public static void Finish(World world, string folder)
    {
        // What was not acknowledged never happened, so the user asks for it again.
        for (var pid = 1; pid <= 2; pid++)
            if (!world.Past.Concat(world.Events).Any(e => e.Event is Spawned { Parent: 0 } s && s.Pid >= pid))
                world.Spawn(pid == 1 ? "write down what happens" : "have it done by a child");
        for (var i = 0; i < 10; i++)
        {
            world.Run();
            foreach (var ask in world.Asks)
            {
                Assert.Equal(AskKind.Doubt, ask.Kind);
                Assert.Contains("/tools/bell", ask.Text);
                world.Do(world.Kernel.AnswerAsync(ask.Number, Lines(folder, "bell").Any(l =>
                    l.StartsWith($"{ask.Pid}."))));
            }
        }
    }

    /// <summary>All that can be seen of a finished run: effects in order of their keys, and how each process
    /// ended.</summary>
    public static string State(World world, string folder) => string.Join("\n",
    [
        .. Lines(folder, "note").Order(StringComparer.Ordinal), .. Lines(folder, "bell"),
        File.ReadAllText(Path.Combine(folder, "store")),
        .. new[] { 1, 2, 3 }.Select(pid => $"{pid}: {world.Exit(new Pid(pid))}"),
    ]);

    public static IReadOnlyList<string> Lines(string folder, string name) =>
        File.Exists(Path.Combine(folder, name)) ? File.ReadAllLines(Path.Combine(folder, name)) : [];

    private static string Script(Pid pid, string prompt)
    {
        var done = prompt.Split("[tool]").Length - 1;
        return (pid.Number, done) switch
        {
            (1, 0) => "First. " + World.Call("note", """{"text": "one"}"""),
            (1, 1) => World.Call("fs.write", """{"path": "/store", "text": "kept"}""")
                + World.Call("fs.read", """{"path": "/store"}"""),
            (1, 3) => World.Call("bell", "{}"),
            (1, 4) => World.Call("note", """{"text": "two"}"""),
            (1, _) => $"all {done} done, the store has{prompt.Split("[tool]")[3].Split('\n')[0]}",
            (2, 0) => World.Call("proc.spawn", """{"name": "helper", "message": "ring and note"}"""),
            (2, 1) => World.Call("proc.wait", """{"pid": 3}"""),
            (2, _) => "my child:" + prompt.Split("[tool]")[2].Split('\n')[0],
            (_, 0) => World.Call("note", """{"text": "from below"}"""),
            _ => "noted",
        };
    }

    private sealed class Desk(string folder) : Driver
    {
        private static readonly Label s_label = Label.From(Source.Kernel);

        public override ValueTask<SysResult> CallAsync(DriverCall call, CancellationToken cancel)
        {
            switch (call.Path)
            {
                case "/tools/note" or "/tools/bell":
                    File.AppendAllText(Path.Combine(folder, call.Path[7..]), $"{call.Key} {call.Body}\n");
                    return new(new SysResult(SysStatus.Ok, "done", s_label));
                case "/store" when call.Verb == Verb.Write:
                    File.WriteAllText(Path.Combine(folder, "store"), call.Body);
                    return new(new SysResult(SysStatus.Ok, "written", s_label));
                case "/store":
                    return new(new SysResult(SysStatus.Ok, File.ReadAllText(Path.Combine(folder, "store")), s_label));
                default:
                    return new(new SysResult(SysStatus.NotFound, call.Path, s_label));
            }
        }

        // The bell leaves no trace that a program could read: only a person heard it.
        public override ValueTask<(ProbeAnswer Answer, SysResult? Result)> ProbeAsync(
            DriverCall call, CancellationToken cancel) =>
            new(call.Path != "/tools/note" ? (ProbeAnswer.Unknown, null)
                : Lines(folder, "note").Any(line => line.StartsWith(call.Key + " "))
                    ? (ProbeAnswer.Done, new SysResult(SysStatus.Ok, "done", s_label)) : (ProbeAnswer.NotDone, null));
    }
}
