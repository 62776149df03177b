using Wisp.Agents;
using Wisp.Kernel;

namespace Wisp.Cli.Talk;

/// <summary>
/// The yes or no of a person at the terminal to what an answer asks. The question may be settled elsewhere meanwhile
/// (`wisp approve`), or the answer stopped; then the keys are the editor's again.
/// </summary>
internal sealed class Approval(KeyReader keys, IAgentKernel kernel) : IDisposable
{
    private AskReport? _asked;
    private CancellationTokenSource? _waiting;

    /// <summary>What is asked now; null for nothing.</summary>
    public void Take(AskReport? ask)
    {
        if (ask == _asked)
            return;
        Dispose();
        _asked = ask;
        if (ask is null)
            return;
        // What was typed before nobody asked for is no yes.
        keys.TakeAhead();
        _waiting = new CancellationTokenSource();
        _ = WaitAsync(ask.Number, _waiting.Token);
    }

    public void Dispose()
    {
        _waiting?.Cancel();
        _waiting?.Dispose();
        _waiting = null;
    }

    private async Task WaitAsync(int ask, CancellationToken cancel)
    {
        try
        {
            while (true)
                if (char.ToLowerInvariant((await keys.NextAsync(cancel).ConfigureAwait(false)).KeyChar)
                    is ('y' or 'n') and var key)
                {
                    await kernel.AnswerAsync(ask, key == 'y').ConfigureAwait(false);
                    return;
                }
        }
        catch (Exception e) when (e is OperationCanceledException or ArgumentException or IOException)
        {
            // It is not asked any more.
        }
    }
}
