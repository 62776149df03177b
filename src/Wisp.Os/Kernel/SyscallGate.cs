using Wisp.Guard;
using Wisp.Kernel.Budgets;

namespace Wisp.Kernel;

/// <summary>What the gate says to a call before anything is done.</summary>
internal readonly record struct Admission(
    GateAnswer Answer, string Reason, Resource Resource = default, long Amount = 0);

internal enum GateAnswer
{
    /// <summary>It may be done; what it may cost is reserved.</summary>
    Go,
    Denied,
    OverBudget,

    /// <summary>A person must say whether the call may be made.</summary>
    AskCall,

    /// <summary>A person must say whether the budget may go on.</summary>
    AskBudget,
}

/// <summary>
/// The one way from a process to an effect, in two halves: what stands before the journal's intent, and the driver.
/// Between them, and after the driver, the kernel writes its journal.
/// </summary>
internal sealed class SyscallGate(Driver root, KernelOptions options)
{
    // A longer answer is cut: it would not fit a context, and a hostile driver could fill the memory.
    private const int MaxText = 1 << 18;

    private static readonly SourceSet s_trusted = SourceSet.Of(Source.User, Source.Kernel);

    /// <summary>The class that the driver over a path gives a call; Once where it fails to say.</summary>
    public Effect ClassOf(Verb verb, string path)
    {
        try
        {
            return root.ClassOf(verb, path) is var found && Enum.IsDefined(found) ? found : Effect.Once;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return Effect.Once;
        }
    }

    /// <summary>Capability, labels, approval, budget reservation.</summary>
    public Admission Admit(Process process, PendingCall pending, DateTimeOffset now)
    {
        var call = pending.Call!;
        Grant? grant = null;
        if (call.Needs != Right.None && !IsOwnChild(process, call))
        {
            var objection = "";
            foreach (var candidate in process.Grants)
            {
                if (!candidate.Capability.Covers(call.Path) || (candidate.Capability.Rights & call.Needs) == 0)
                    continue;
                // One that does not ask goes before one that does.
                if (candidate.Objection(call, now, !process.Space.Label.IsFrom(s_trusted)) is { } reason)
                    objection = reason;
                else if (grant is null || (grant.Asks && !candidate.Asks))
                    grant = candidate;
            }

            if (grant is null)
                return new Admission(GateAnswer.Denied, objection.Length > 0
                    ? $"{call.Name} of {call.Path} is not allowed: {objection}."
                    : $"{call.Name} of {call.Path} is not allowed: this process has no capability for it.");
            if (grant.Asks && !pending.IsApproved)
                return new Admission(GateAnswer.AskCall, $"{call.Name} {call.Path}");
        }

        if (Reserve(process, pending) is { } refused)
            return refused;
        grant?.Use();
        return new Admission(GateAnswer.Go, "");
    }

    /// <summary>Turns what a call reserved into what it used.</summary>
    public static void Settle(Process process, PendingCall pending, long cpu, long money)
    {
        foreach (var (resource, amount) in pending.Reserved)
            process.Budget.Settle(resource, amount, resource switch
            {
                Resource.ToolCalls => amount,
                Resource.ToolCpuMilliseconds => Math.Clamp(cpu, 0, amount),
                Resource.MicroMoney => Math.Clamp(money, 0, amount),
                _ => 0,
            });
        pending.Reserved.Clear();
    }

    /// <summary>
    /// Has the driver do it. Never throws: whatever a driver does wrong is a failed call.
    /// </summary>
    public async Task<SysResult> RunAsync(DriverCall call, CancellationToken cancel)
    {
        try
        {
            var result = options.InlineDrivers
                ? await root.CallAsync(call, cancel).ConfigureAwait(false)
                : await Task.Run(async () => await root.CallAsync(call, cancel).ConfigureAwait(false), cancel)
                    .ConfigureAwait(false);
            return Checked(call, result);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            return new SysResult(SysStatus.Cancelled, "cancelled", Label.From(Source.Kernel));
        }
        catch (Exception e)
        {
            return Failed(call, $"the driver failed: {e.GetType().Name}: {e.Message}");
        }
    }

    /// <summary>Asks a driver whether a call has happened; Unknown where it fails to say.</summary>
    public async Task<(ProbeAnswer Answer, SysResult? Result)> ProbeAsync(DriverCall call, CancellationToken cancel)
    {
        try
        {
            var (answer, result) = await Task.Run(
                async () => await root.ProbeAsync(call, cancel).ConfigureAwait(false), cancel).ConfigureAwait(false);
            return answer == ProbeAnswer.Done
                ? (answer, result is null ? null : Checked(call, result))
                : (Enum.IsDefined(answer) ? answer : ProbeAnswer.Unknown, null);
        }
        catch (Exception)
        {
            return (ProbeAnswer.Unknown, null);
        }
    }

    // A parent needs no capability to signal or wait for its own children.
    private static bool IsOwnChild(Process process, Syscall call) =>
        call is KillSyscall kill && process.Children.ContainsKey(kill.Target.Number);

    private Admission? Reserve(Process process, PendingCall pending)
    {
        Span<(Resource Resource, long Amount)> costs =
        [
            (Resource.ToolCalls, 1),
            (Resource.ToolCpuMilliseconds, 0),
            (Resource.ToolBytes, 0),
            (Resource.MicroMoney, 0),
        ];
        if (pending.Call is DriverSyscall { Verb: Verb.Call } call)
        {
            costs[1].Amount = Math.Min(options.ToolCpuMilliseconds, process.Budget.Left(Resource.ToolCpuMilliseconds));
            costs[2].Amount = Math.Min(options.ToolBytes, process.Budget.Left(Resource.ToolBytes));
            costs[3].Amount = PriceOf(call);
            if (costs[1].Amount == 0 || costs[2].Amount == 0)
                return new Admission(GateAnswer.OverBudget, "no processor time or memory is left for tools");
        }

        foreach (var (resource, amount) in costs)
        {
            if (amount == 0)
                continue;
            var verdict = process.Budget.TryReserve(resource, amount);
            if (verdict.Answer == BudgetAnswer.Granted)
            {
                pending.Reserved.Add((resource, amount));
                continue;
            }

            foreach (var (reserved, given) in pending.Reserved)
                process.Budget.Settle(reserved, given, 0);
            pending.Reserved.Clear();
            var what = $"{pending.Call!.Name} needs {amount} more of {resource}; {verdict.By!.Name} has " +
                $"{verdict.By.Used(resource)} of ";
            return verdict.Answer == BudgetAnswer.Ask
                ? new Admission(GateAnswer.AskBudget, what + $"{verdict.By.LimitOf(resource).High} before it asks",
                    resource, amount)
                : new Admission(GateAnswer.OverBudget, what + $"{verdict.By.LimitOf(resource).Max} used");
        }

        return null;
    }

    private long PriceOf(DriverSyscall call)
    {
        try
        {
            return Math.Max(0, root.MaxPrice(call.Verb, call.Path, call.Body));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return 0;
        }
    }

    private static SysResult Checked(DriverCall call, SysResult? result)
    {
        if (result is null || result.Text is null || result.Extents is null || !Enum.IsDefined(result.Status)
            || result.CpuMilliseconds < 0 || result.MicroMoney < 0)
            return Failed(call, "the driver's answer is none");
        if (result.Text.Length > MaxText)
            result = result with { Text = result.Text[..MaxText] + $"\n[cut: {result.Text.Length} characters]" };
        if (!IsWhole(result.Text))
            result = result with { Text = Repaired(result.Text) };
        // What a tool says is the tool's, whatever it says of itself.
        return call.Verb != Verb.Call ? result
            : result with { Label = result.Label.Join(Label.From(Source.Tool(call.Path))) };
    }

    // A journal is UTF-8, which has no halves of surrogate pairs.
    private static bool IsWhole(string text)
    {
        for (var i = 0; i < text.Length; i++)
            if (char.IsSurrogate(text[i]) && !(char.IsHighSurrogate(text[i]) && i + 1 < text.Length
                && char.IsLowSurrogate(text[++i])))
                return false;
        return true;
    }

    private static string Repaired(string text) => string.Concat(text.EnumerateRunes());

    private static SysResult Failed(DriverCall call, string what) =>
        new(SysStatus.Failed, $"{call.Verb} {call.Path}: {what}", Label.From(Source.Kernel, Source.Tool(call.Path)));
}
