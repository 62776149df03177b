using Spectre.Console;
using Wisp.Kernel;
using Wisp.Kernel.Remote;
using Wisp.Kernel.Scheduling;
using Wisp.Train.Report;

namespace Wisp.Cli.Os;

/// <summary>Processes as lines: what ps prints and top draws.</summary>
internal static class ProcessTable
{
    private static readonly Style s_head = new(decoration: Decoration.Bold), s_dim = new(Color.Grey),
        s_running = new(Color.Green), s_asking = new(Color.Yellow);

    // Where each column begins.
    private const int Parent = 6, Group = 12, Class = 18, State = 24, Tokens = 33, Budget = 42, Kv = 50, Reused = 62,
        Calls = 74, Name = 81, Last = 94;

    public static IEnumerable<Paint> Lines(IReadOnlyList<ProcessReport> processes)
    {
        yield return new Paint().Add("PID".PadLeft(4), s_head).To(Parent).Add("PPID", s_head).To(Group)
            .Add("GROUP", s_head).To(Class).Add("CLASS", s_head).To(State).Add("STATE", s_head).To(Tokens)
            .Add("TOKENS", s_head).To(Budget).Add("BUDGET", s_head).To(Kv).Add("KV OWN+SHR", s_head).To(Reused)
            .Add("REUSED:NEW", s_head).To(Calls).Add("CALLS", s_head).To(Name).Add("NAME", s_head).To(Last)
            .Add("LAST CALL, WAITS FOR", s_head);
        foreach (var p in processes)
            yield return Line(p);
    }

    public static IEnumerable<Paint> Handles(IReadOnlyList<ProcessReport> processes)
    {
        yield return new Paint().Add("PID".PadLeft(4), s_head).To(6).Add("HANDLE", s_head).To(14).Add("PATH", s_head)
            .To(40).Add("RIGHTS", s_head).To(70).Add("LIMITS", s_head);
        foreach (var process in processes)
            foreach (var (i, handle) in process.Handles.Index())
                yield return new Paint().Add($"{process.Pid.Number,4}").To(6).Add($"{i,6}").To(14)
                    .Add(Terminal.Clean(handle.Pattern)).To(40).Add(handle.Rights.ToString().ToLowerInvariant()).To(70)
                    .Add(string.Join(", ", Limits(handle)), s_dim);
    }

    /// <summary>The whole screen of top.</summary>
    /// <param name="before">The figures of the drawing before, for rates; null for the first.</param>
    public static List<Paint> Screen(KernelReply now, (KernelStatus Status, TimeSpan Since)? before, int rows,
        bool unicode)
    {
        var status = now.Status!;
        var processes = now.Processes ?? [];
        var lines = new List<Paint>
        {
            new Paint().Add("wisp top", s_head).Add("  ").Add(
                Terminal.Clean(Path.GetFileName(status.Model)), s_dim).Add(
                $"  up {Human.Time(TimeSpan.FromSeconds(status.Seconds))}, {processes.Count} processes: " +
                string.Join(", ", processes.GroupBy(p => p.State).OrderBy(g => g.Key).Select(g => $"{g.Count()} " +
                    g.Key.ToString().ToLowerInvariant()))),
        };
        var rate = before is var (old, since) && since > TimeSpan.Zero
            ? (status.DecodeTokens - old.DecodeTokens) / since.TotalSeconds : 0;
        var prompts = status.PrefillTokens + status.ReusedTokens;
        lines.Add(new Paint().Add("tokens  ", s_dim).Add($"{status.DecodeTokens:N0} written, {rate:N1} a second; " +
            $"prompts {prompts:N0}, {(prompts == 0 ? 0 : (double)status.ReusedTokens / prompts):P0} of it reused"));
        var blocks = status.KvUsed + status.KvIdle + status.KvFree;
        lines.Add(new Paint().Add("KV      ", s_dim).Bar((double)status.KvUsed / Math.Max(1, blocks), 30, unicode)
            .Add($"  {status.KvUsed:N0} of {blocks:N0} blocks used, " +
                $"{Human.Bytes(status.KvUsed * status.KvBlockBytes)}; {status.KvIdle:N0} kept"));
        foreach (var ask in (now.Asks ?? []).Take(2))
            lines.Add(new Paint().Add("asks    ", s_dim).Add(Terminal.Clean(ask.Text).Replace('\n', ' '), s_asking)
                .Add($"  wisp approve {ask.Number}", s_dim));
        lines.Add(new Paint());
        // Who runs first, then who has written most.
        lines.AddRange(Lines([.. processes.OrderBy(p => p.State is ProcessState.Running ? 0 : 1)
            .ThenByDescending(p => p.Usage.DecodeTokens).ThenBy(p => p.Pid.Number)]));
        if (lines.Count > rows)
        {
            var hidden = lines.Count - rows + 1;
            lines.RemoveRange(rows - 1, hidden);
            lines.Add(new Paint().Add($"      ... and {hidden} more", s_dim));
        }

        return lines;
    }

    private static Paint Line(ProcessReport p)
    {
        var u = p.Usage;
        var style = p.State is ProcessState.Running ? s_running
            : p.Why.StartsWith("answer", StringComparison.Ordinal) ? s_asking : Style.Plain;
        return new Paint().Add($"{p.Pid.Number,4}").To(Parent).Add($"{p.Parent.Number}").To(Group).Add(
            $"{p.Group.Number}")
            .To(Class).Add(p.Class switch
            {
                SchedulingClass.Interactive => "inter",
                SchedulingClass.Batch => "batch",
                _ => "norm",
            }).To(State).Add(p.State.ToString().ToLowerInvariant(), style).To(Tokens).Add($"{u.DecodeTokens:N0}").To(
                Budget)
            .Add(p.TokensMax is { } max ? $"{(double)u.DecodeTokens / Math.Max(1, max):P0}" : "-", s_dim).To(Kv)
            .Add($"{u.KvOwn}+{u.KvShared}").To(Reused).Add($"{u.ReusedTokens}:{u.PrefillTokens}").To(Calls)
            .Add($"{u.Calls}").To(Name).Add(Clip(p.Name, 12)).To(Last)
            .Add(Clip(p.State is ProcessState.Blocked or ProcessState.Swapped && p.Why.Length > 0 ? p.Why : p.LastCall,
                40), s_dim);
    }

    private static IEnumerable<string> Limits(Capability handle)
    {
        if (handle.Asks)
            yield return "asks";
        if (handle.Uses is { } uses)
            yield return $"{uses} uses";
        if (handle.Until is { } until)
            yield return $"until {until:u}";
        if (!handle.Delegable)
            yield return "not for children";
        if (!handle.WhenTainted)
            yield return "not once tainted";
        foreach (var (name, values) in handle.Arguments)
            yield return $"{name}: {string.Join('|', values)}";
    }

    private static string Clip(string text, int width)
    {
        text = Terminal.Clean(text).Replace('\n', ' ');
        return text.Length <= width ? text : text[..(width - 3)] + "...";
    }
}
