using System.CommandLine;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Kernel.Remote;
using Wisp.Model;

namespace Wisp.Cli.Os;

/// <summary><c>wisp strace</c>: what happens, as it happens. <c>wisp replay</c>: what happened, again.</summary>
internal static class TraceCommands
{
    public static Command CreateTrace()
    {
        var pid = new Argument<int?>("PID")
        {
            Description = "The process; without it all",
            Arity = ArgumentArity.ZeroOrOne
        };
        var command = new Verb("strace", "Show system calls and other events as they happen", KernelLink.Group,
            "wisp strace", "wisp strace 7")
        {
            pid,
        };
        command.SetAction(async (parse, cancel) =>
        {
            using var client = KernelLink.Open();
            var output = parse.InvocationConfiguration.Output;
            try
            {
                await foreach (var entry in client.TraceAsync(parse.GetValue(pid) ?? 0, cancel).ConfigureAwait(false))
                    output.WriteLine(EventLine.Of(entry));
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                // Ctrl-C is how one leaves.
            }

            return 0;
        });
        return command;
    }

    public static Command CreateReplay()
    {
        var journal = new Argument<string?>("JOURNAL")
        {
            Description = "A journal that no kernel has open; without it the user's", Arity = ArgumentArity.ZeroOrOne,
        };
        var show = new Option<bool>("--show") { Description = "Print every event" };
        var model = Models.Option();
        var command = new Verb("replay", "Run a journal again and check that everything comes out the same",
            KernelLink.Group, "wisp replay", "wisp replay journal.db --show")
        {
            journal, show, model,
        };
        command.SetAction((parse, cancel) => Task.Run(() =>
        {
            var path = parse.GetValue(journal) ?? KernelCommand.DefaultJournal();
            if (!File.Exists(path))
                throw new UserException($"{path}: no such journal. A kernel writes one: wisp kernel");
            using var opened = Journal.Open(path, out var entries);
            var output = parse.InvocationConfiguration.Output;
            foreach (var line in opened.Damage)
                parse.InvocationConfiguration.Error.WriteLine($"wisp: {line}");
            if (parse.GetValue(show))
                foreach (var entry in entries)
                    output.WriteLine(EventLine.Of(entry));
            if (entries.Count == 0)
            {
                output.WriteLine("The journal is empty.");
                return 0;
            }

            // Only the vocabulary of the model is needed: what it wrote stands in the journal.
            var boot = entries.Select(e => e.Event).OfType<Booted>().Last();
            using var gguf = Gguf.Open(parse.GetValue(model) is { } given ? Models.Find(given)
                : File.Exists(boot.Model) ? boot.Model : Models.Find(null));
            var codec = ChatCodec.Of(ModelFile.ReadTokenizer(gguf)
                ?? throw new UserException($"{gguf.Path}: holds no tokenizer."));
            var report = Replay.Run(
                entries, codec, c => HostedKernel.Space(c, boot.Context), cancel: cancel);
            output.WriteLine(report.Difference is null
                ? $"{report.Entries:N0} events came out again, bit for bit."
                : $"{report.Same:N0} of {report.Entries:N0} events came out again. The first that did not:\n  " +
                    report.Difference);
            return report.Difference is null ? 0 : 1;
        }, cancel));
        return command;
    }
}

/// <summary>An event as one line.</summary>
internal static class EventLine
{
    public static string Of(JournalEntry entry)
    {
        var at = DateTimeOffset.FromUnixTimeMilliseconds(entry.Time).ToLocalTime();
        return Terminal.Clean($"{at:HH:mm:ss.fff} {entry.Event.Pid,4} {Text(entry.Event)}").Replace("\n", "\u21b5");
    }

    private static string Text(KernelEvent e) => e switch
    {
        Booted b => $"-- kernel of {b.Program} begins, {b.Model}",
        Spawned s => $"spawn({s.Request.Name}) of {s.Parent}: {Clip(s.Request.Message)}",
        Forked f => $"fork({f.Parent}): {Clip(f.Message)}",
        Execed x => $"exec({x.Name})",
        Said s => $"said: {Clip(s.Text)}",
        Turned t => $"turn: {t.Tokens.Length + t.Written} tokens after {t.Reused} kept and {t.Computed} read" +
            $"{(t.Cut ? ", cut" : "")}: {Clip(t.Text)}",
        Faulted f => $"fault: {Clip(f.Text)}",
        SwappedOut s => $"swapped out: {s.Tokens} tokens",
        SwappedIn { IsWhole: true } => "swapped in",
        SwappedIn => "swapped in: the file was damaged, all of it is read again",
        Intended i => $"{i.Name}({i.Path}{(i.Body.Length > 0 ? $", {Clip(i.Body)}" : "")}) " +
            $"{i.Class.ToString().ToLowerInvariant()}, call {i.Call} ...",
        Returned r => $"  ... call {r.Call} = {r.Status.ToString().ToLowerInvariant()}: {Clip(r.Text)}",
        Probed p => $"  ... call {p.Call} in doubt: {p.Answer.ToString().ToLowerInvariant()}",
        Asked a => $"asks {a.Ask}: {Clip(a.Text)}",
        Answered a => $"answer {a.Ask}: {(a.Yes ? "yes" : "no")} {Clip(a.Text)}",
        Signalled s => $"signal {s.Signal.ToString().ToUpperInvariant()}",
        Reniced n => $"nice {n.Class.ToString().ToLowerInvariant()}, weight {n.Weight}",
        Limited l => $"limit {l.Resource}: asks at {l.High?.ToString() ?? "-"}, ends at {l.Max?.ToString() ?? "-"}",
        Exited x => $"exit({x.Code}): {x.Reason}",
        Reaped => "reaped",
        _ => e.GetType().Name,
    };

    private static string Clip(string text) => text.Length <= 100 ? text : text[..97] + "...";
}
