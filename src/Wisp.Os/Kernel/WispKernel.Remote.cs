using Wisp.Kernel.Budgets;
using Wisp.Kernel.Events;

namespace Wisp.Kernel;

/// <summary>
/// Turns of models that are not stepped but asked: a turn is one request, and what comes back is an input. Half a turn
/// that a crash takes is asked again.
/// </summary>
public sealed partial class WispKernel
{
    // Asks the model for the next turn. What it may cost is reserved before.
    private void AskModel(Process process)
    {
        if (process.Request.Model is not { } name || process.Asking is not null)
            return;
        if (!_parts.Models.TryGetValue(name, out var model) && !_parts.IsReplay)
        {
            End(process, 1, $"there is no model '{name}' here");
            return;
        }

        var prompt = process.Space.Prompt();
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
        Wait(process, ProcessState.Blocked, $"the model {name}");
        var (pid, seed) = (process.Pid.Number, TurnSeed(process.Request.Seed, process.Pid.Number, process.Turns));
        var request = process.Request;
        if (model is null)
            return;
        _ = Task.Run(() => model.AnswerAsync([.. prompt], request, seed, tokens, asking.Cancel.Token)).ContinueWith(
            done => Put(new Input(done.IsCompletedSuccessfully
                ? new Turned(pid, [], done.Result.Text, done.Result.PromptTokens - done.Result.CachedTokens,
                    done.Result.CachedTokens, 0, Cut: false)
                {
                    Written = done.Result.WrittenTokens, MicroMoney = model.PriceOf(done.Result),
                }
                : new Exited(pid, 1,
                    $"the model {name} failed: {done.Exception?.InnerException?.Message ?? "cancelled"}"),
                null, null)),
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
internal sealed record RemoteTurn(
    IReadOnlyList<(Resource Resource, long Amount)> Reserved, CancellationTokenSource Cancel);
