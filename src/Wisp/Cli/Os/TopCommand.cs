using System.CommandLine;
using Wisp.Kernel.Remote;

namespace Wisp.Cli.Os;

/// <summary><c>wisp top</c>: processes as they run, redrawn in place until Ctrl-C.</summary>
internal static class TopCommand
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        var once = new Option<bool>("--once") { Description = "Print one screen and end, as a pipe gets it" };
        var command = new Verb(
            "top", "Watch processes: state, tokens, KV blocks, budgets, calls", KernelLink.Group, "wisp top")
        {
            once,
        };
        command.SetAction((parse, cancel) => RunAsync(parse, parse.GetValue(once), cancel));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, bool once, CancellationToken cancel)
    {
        var console = Terminal.On(parse.InvocationConfiguration.Output);
        var unicode = console.Profile.Capabilities.Unicode;
        using var client = KernelLink.Open();
        if (once || !Terminal.IsLive(console))
        {
            var reply = await client.SendAsync(new KernelRequest(KernelOp.Ps), cancel).ConfigureAwait(false);
            foreach (var line in ProcessTable.Screen(reply, null, int.MaxValue, unicode))
                line.WriteTo(console);
            return 0;
        }

        var area = new LiveArea(console);
        (KernelStatus Status, TimeSpan Since)? before = null;
        try
        {
            while (!cancel.IsCancellationRequested)
            {
                var reply = await client.SendAsync(new KernelRequest(KernelOp.Ps), cancel).ConfigureAwait(false);
                if (before is { } old)
                    before = (old.Status, TimeSpan.FromSeconds(reply.Status!.Seconds - old.Status.Seconds));
                area.Draw(ProcessTable.Screen(reply, before, Math.Max(8, console.Profile.Height - 2), unicode));
                before = (reply.Status!, TimeSpan.Zero);
                await Task.Delay(s_pause, cancel).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // Ctrl-C is how one leaves.
        }

        area.Keep();
        return 0;
    }
}
