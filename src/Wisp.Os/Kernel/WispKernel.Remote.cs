using Wisp.Kernel.Budgets;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Memory;

namespace Wisp.Kernel;

/// <summary>
/// Turns of models that are not stepped but asked: a turn is one request, and what comes back is an input. Half a turn
/// that a crash takes is asked again.
/// </summary>
public sealed partial class WispKernel
{
    private bool _asksAll; // since the last start

    private bool IsAsked(Process process) => process.Request.Model is not null || _asksAll;

    private AskedModel? ModelOf(Process process) => process.Own
        ?? (process.Request.Model is { } name ? _parts.Models.GetValueOrDefault(name) : _parts.Default);

    // Asks the model for the next turn. What it may cost is reserved before.
    private void AskModel(Process process)
    {
        if (process.Asking is not null)
            return;
        var model = ModelOf(process);
        IReadOnlyList<PromptPart> prompt;
        try
        {
            prompt = process.Space.Prompt();
        }
        catch (WindowException e)
        {
            End(process, 1, e.Message);
            return;
        }

        var tokens = process.IsStopping ? Math.Min(_options.LastWords, process.Request.TurnTokens)
            : process.Request.TurnTokens;
        tokens = (int)Math.Min(tokens, process.Budget.Left(Resource.DecodeTokens));
        var reserved = new List<(Resource Resource, long Amount)>();
        foreach (var (resource, amount) in new[]
            {
                (Resource.DecodeTokens, Math.Max(1, (long)tokens)),
                (Resource.PrefillTokens, prompt.Sum(part => (long)part.Tokens.Length)),
                (Resource.MicroMoney, model?.MaxPrice(prompt, tokens) ?? 0),
            })
        {
            var verdict = process.Budget.TryReserve(resource, amount);
            if (verdict.Answer == BudgetAnswer.Granted)
            {
                reserved.Add((resource, amount));
                continue;
            }

            foreach (var (given, sum) in reserved)
                process.Budget.Settle(given, sum, 0);
            if (verdict.Answer == BudgetAnswer.Ask)
                Ask(process, 0, AskKind.Budget, $"{process.Request.Name}: {verdict.By!.Name} has used " +
                    $"{verdict.By.Used(resource)} of {verdict.By.LimitOf(resource).High} {resource}. Let it go on?",
                        resource, amount);
            else
                End(process, 1, $"out of budget: {verdict.By!.Name} has used {verdict.By.Used(resource)} of " +
                    $"{verdict.By.LimitOf(resource).Max} {resource}, and a turn may need {amount}");
            return;
        }

        var asking = process.Asking = new RemoteTurn(reserved, new CancellationTokenSource());
        var name = process.Request.Model is { } called ? $"the model {called}" : "the model";
        Wait(process, ProcessState.Blocked, name);
        if (_parts.IsReplay)
            return;
        var pid = process.Pid.Number;
        if (model is null)
        {
            // From outside, as all that a model does: another start may have the model.
            Put(new Input(new Exited(pid, 1, $"there is no model '{process.Request.Model}' here")) { Of = asking });
            return;
        }

        var turn = new AskedTurn(process.Turns, [.. prompt], [.. process.News], process.Request,
            TurnSeed(process.Request.Seed, pid, process.Turns), tokens, process.IsStopping);
        _ = Task.Run(() => model.AnswerAsync(turn, asking.Cancel.Token)).ContinueWith(
            done => Put(new Input(done.IsCompletedSuccessfully
                ? new Turned(pid, [], done.Result.Text, done.Result.PromptTokens - done.Result.CachedTokens,
                    done.Result.CachedTokens, 0, Cut: false)
                {
                    Written = done.Result.WrittenTokens, MicroMoney = model.PriceOf(done.Result),
                    Calls = done.Result.Calls is { } calls ? [.. calls] : null,
                }
                : new Exited(pid, 1, $"{name} failed: {done.Exception?.InnerException?.Message ?? "cancelled"}"))
            {
                Of = asking,
            }),
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private Pid TakeTurn(Process process, Turned turned)
    {
        if (process.IsOver || process.Asking is not { } asking)
            return Pid.None; // it was interrupted meanwhile
        process.Asking = null;
        foreach (var (resource, amount) in asking.Reserved)
            process.Budget.Settle(resource, amount, 0); // counted by what it was, when the event is applied
        Emit(turned with { Wall = process.Wall }, isInput: true);
        Warn(process);
        Go(process);
        return process.Pid;
    }

    private static void DropRemote(Process process)
    {
        if (process.Asking is not { } asking)
            return;
        asking.Cancel.Cancel();
        foreach (var (resource, amount) in asking.Reserved)
            process.Budget.Settle(resource, amount, 0);
        process.Asking = null;
    }
}

/// <summary>A turn that was asked for.</summary>
internal sealed class RemoteTurn(
    IReadOnlyList<(Resource Resource, long Amount)> reserved, CancellationTokenSource cancel)
{
    public IReadOnlyList<(Resource Resource, long Amount)> Reserved { get; } = reserved;

    public CancellationTokenSource Cancel { get; } = cancel;
}
