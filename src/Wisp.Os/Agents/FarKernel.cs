using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Kernel.Remote;

namespace Wisp.Agents;

/// <summary>The user's kernel in another program: processes run there, and their models here.</summary>
/// <param name="socket">Where it listens.</param>
public sealed class FarKernel(string socket) : IAgentKernel
{
    public bool IsAlive => KernelClient.IsThere(socket);

    public async Task<Pid> SpawnAsync(SpawnRequest request, AskedModel model)
    {
        var client = Connect();
        try
        {
            var reply = await client.SendAsync(new KernelRequest(KernelOp.Lend) { Spawn = request })
                .ConfigureAwait(false);
            _ = RunAsync(client, request, model);
            return new Pid(reply.Pid);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    public Task SignalAsync(Pid pid, Signal signal) =>
        SendAsync(new KernelRequest(KernelOp.Signal) { Pid = pid.Number, Signal = signal });

    public Task AnswerAsync(int ask, bool yes) =>
        SendAsync(new KernelRequest(KernelOp.Answer) { Ask = ask, Yes = yes });

    public Task ReloadAsync() =>
        SendAsync(new KernelRequest(KernelOp.File) { Path = "/dev/mounts", Verb = Verb.Write });

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // Until the process is over or one of the two programs is.
    private static async Task RunAsync(KernelClient client, SpawnRequest request, AskedModel model)
    {
        using var connection = client;
        var turn = new CancellationTokenSource();
        var last = Task.CompletedTask; // one that was broken off may still be about to write
        var why = "the kernel that ran it has ended";
        try
        {
            await foreach (var reply in client.RepliesAsync().ConfigureAwait(false))
            {
                if (reply.Turn is { } asked)
                {
                    turn.Dispose();
                    turn = new CancellationTokenSource();
                    last = TakeTurnAsync(asked, last, turn.Token);
                }

                if (reply.Entry is not { } entry)
                    continue;
                if (entry.Event is Exited or Turned { Cut: true })
                    await turn.CancelAsync().ConfigureAwait(false);
                model.Saw(entry);
                if (entry.Event is Exited)
                    return;
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            why = $"{why}: {e.Message}";
        }
        finally
        {
            await turn.CancelAsync().ConfigureAwait(false);
            turn.Dispose();
        }

        model.Lost(why);

        async Task TakeTurnAsync(LentTurn asked, Task before, CancellationToken cancel)
        {
            var reply = new KernelRequest(KernelOp.Turn) { Number = asked.Number };
            try
            {
                reply = reply with
                {
                    Turn = await model.AnswerAsync(new AskedTurn(asked.Number, [], asked.News, request, asked.Seed,
                        asked.Tokens, asked.IsStopping), cancel).ConfigureAwait(false),
                };
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                if (cancel.IsCancellationRequested)
                    return;
                reply = reply with { Text = e.Message };
            }

            await before.ConfigureAwait(false);
            try
            {
                await client.WriteAsync(reply, CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // The kernel has gone; whoever reads its replies sees that too.
            }
        }
    }

    private async Task SendAsync(KernelRequest request)
    {
        using var client = Connect();
        await client.SendAsync(request).ConfigureAwait(false);
    }

    private KernelClient Connect() => KernelClient.TryConnect(socket)
        ?? throw new IOException("The kernel that ran here has ended.");
}
