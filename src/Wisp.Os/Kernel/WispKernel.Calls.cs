using Wisp.Guard;
using Wisp.Kernel.Budgets;
using Wisp.Kernel.Events;

namespace Wisp.Kernel;

/// <summary>Calls: from a parsed turn through the gate to a result.</summary>
public sealed partial class WispKernel
{
    private static readonly string s_kernelLabel = Label.From(Source.Kernel).ToText();

    // Takes the next call of a turn one stage further. Returns whether it is done.
    private bool Advance(Process process)
    {
        var call = process.Calls.Find(c => c.Stage != CallStage.Done)!;
        switch (call.Stage)
        {
            case CallStage.Asking:
            case CallStage.Flying:
                Wait(process, ProcessState.Blocked, call.Call?.Name ?? "");
                return false;
            case CallStage.Intended:
                return Settle(process, call);
        }

        if (call.Call is null)
            return process.Repeats is { Call: "", Times: var times } && times >= _options.Repeats
                ? Ask(process, call.Number, AskKind.Repeat,
                    $"{process.Request.Name} has written what is no call {times} times. Let it go on?")
                : Return(process, call, SysStatus.Malformed, call.Written);
        if (process.IsStopping)
            return Return(process, call, SysStatus.Cancelled, "The process is being stopped; nothing was done.");
        process.LastCall = $"{call.Call.Name} {call.Call.Path}";
        if (IsRepeating(process, call.Call))
            return Ask(process, call.Number, AskKind.Repeat,
                $"{process.Request.Name} has made the same call {process.Repeats.Times} times with the same result " +
                $"({process.LastCall}). Let it go on?");
        var admission = _gate.Admit(process, call, _now);
        switch (admission.Answer)
        {
            case GateAnswer.Denied:
                return Return(process, call, SysStatus.Denied, admission.Reason);
            case GateAnswer.OverBudget:
                return Return(process, call, SysStatus.OverBudget, admission.Reason);
            case GateAnswer.AskCall:
                return Ask(process, call.Number, AskKind.Call,
                    $"{process.Request.Name} asks for {admission.Reason}{Shown(call.Call.Body)}. Allow it?");
            case GateAnswer.AskBudget:
                return Ask(process, call.Number, AskKind.Budget,
                    $"{process.Request.Name}: {admission.Reason}. Let it go on?", admission.Resource, admission.Amount);
        }

        return call.Call switch
        {
            DriverSyscall driver => Begin(process, call, driver),
            SpawnSyscall spawn => Spawn(process, call, spawn),
            ForkSyscall fork => Fork(process, call, fork),
            WaitSyscall wait => WaitFor(process, call, wait),
            KillSyscall kill => Kill(process, call, kill),
            AskSyscall ask => Ask(process, call.Number, AskKind.Question, ask.Question),
            SleepSyscall sleep => Sleep(process, call, sleep),
            var other => throw new InvalidOperationException($"{other.Name} has no way to be done."),
        };
    }

    private bool IsRepeating(Process process, Syscall call) =>
        call.Class == Effect.Pure && process.Repeats.Times >= _options.Repeats
        && process.Repeats.Call == $"{call.Name} {call.Path} {call.Body}";

    private bool Begin(Process process, PendingCall call, DriverSyscall driver)
    {
        var key = KeyOf(process, call);
        Emit(new Intended(process.Pid.Number, call.Number, key, driver.Name, driver.Path, driver.Body, driver.Class),
            durable: driver.Class == Effect.Once);
        Fly(process, call, driver, key);
        return false;
    }

    // The key is the journal's, the process's and the call's: the same after a crash, and never given twice.
    private static string KeyOf(Process process, PendingCall call) => $"{process.Pid}.{call.Number}";

    private DriverCall CallOf(Process process, PendingCall call, DriverSyscall driver) =>
        new(KeyOf(process, call), process.Pid, driver.Verb, driver.Path, driver.Body, process.Space.Label)
        {
            CpuLimit = TimeSpan.FromMilliseconds(
                AmountOf(call, Resource.ToolCpuMilliseconds) ?? _options.ToolCpuMilliseconds),
            MemoryLimit = AmountOf(call, Resource.ToolBytes) ?? _options.ToolBytes,
        };

    // Null for one that was under way when the machine died: what it had reserved is not known any more.
    private static long? AmountOf(PendingCall call, Resource resource) =>
        call.Reserved.Find(part => part.Resource == resource) is { Amount: > 0 and var amount } ? amount : null;

    private void Fly(Process process, PendingCall call, DriverSyscall driver, string key)
    {
        call.Stage = CallStage.Flying;
        call.Due = _now + _options.CallDeadline;
        var cancel = call.Cancel = new CancellationTokenSource();
        var request = CallOf(process, call, driver) with { Key = key };
        Wait(process, ProcessState.Blocked, process.LastCall);
        var (pid, number) = (process.Pid.Number, call.Number);
        var task = _gate.RunAsync(request, cancel.Token);
        if (task.IsCompleted)
            Post(task.Result);
        else
            _ = task.ContinueWith(done => Post(done.Result), CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

        void Post(SysResult result) => Put(new Input(ReturnOf(pid, number, result)));
    }

    private static Returned ReturnOf(int pid, int number, SysResult result) =>
        new(pid, number, result.Status, result.Text, result.Label.ToText(), [.. result.Extents])
        {
            CpuMilliseconds = result.CpuMilliseconds, MicroMoney = result.MicroMoney,
        };

    // A result that came; one that nobody waits for any more is dropped.
    private Pid TakeReturn(Process process, Returned e)
    {
        if (process.IsOver || Call(process, e.Call) is not { Stage: CallStage.Flying } call
            || call.Call is not DriverSyscall)
            return Pid.None;
        Emit(e, isInput: true);
        call.Cancel?.Dispose();
        call.Cancel = null;
        Go(process);
        return process.Pid;
    }

    // After a crash: an intent without a result.
    private bool Settle(Process process, PendingCall call)
    {
        var driver = (DriverSyscall)call.Call!;
        process.LastCall = $"{driver.Name} {driver.Path}";
        if (process.Budget.TryReserve(Resource.ToolCalls, 1).Answer == BudgetAnswer.Granted)
            call.Reserved.Add((Resource.ToolCalls, 1));
        if (process.IsStopping)
            return Return(process, call, SysStatus.Cancelled, "The process is being stopped; this may have happened.");
        if (driver.Class != Effect.Once)
        {
            Fly(process, call, driver, KeyOf(process, call));
            return false;
        }

        call.Stage = CallStage.Flying;
        call.Due = _now + _options.CallDeadline;
        call.Cancel = new CancellationTokenSource();
        Wait(process, ProcessState.Blocked, $"probe of {process.LastCall}");
        var (pid, number) = (process.Pid.Number, call.Number);
        _ = _gate.ProbeAsync(CallOf(process, call, driver), call.Cancel.Token).ContinueWith(
            done => Put(new Input(done.Result is { Answer: ProbeAnswer.Done, Result: { } result }
                ? ReturnOf(pid, number, result) : new Probed(pid, number, done.Result.Answer))),
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return false;
    }

    private Pid TakeProbe(Process process, Probed e)
    {
        if (process.IsOver || Call(process, e.Call) is not { Stage: CallStage.Flying, Call: DriverSyscall driver } call)
            return Pid.None;
        Emit(e, isInput: true);
        call.Cancel?.Dispose();
        call.Cancel = null;
        if (e.Answer == ProbeAnswer.NotDone)
            Fly(process, call, driver, KeyOf(process, call));
        else
            Ask(process, call.Number, AskKind.Doubt, "The machine went down while "
                + $"{process.Request.Name} was at " +
                $"{driver.Name} {driver.Path}{Shown(driver.Body)}, and nobody can tell whether that happened. Did it?");
        return process.Pid;
    }

    private void AfterAnswer(Process process, OpenAsk ask, Answered e)
    {
        if (Call(process, ask.Call) is { } call && call.Stage is CallStage.New or CallStage.Intended)
        {
            var (status, text) = (ask.Kind, e.Yes) switch
            {
                (AskKind.Call, false) => (SysStatus.Refused, "The user said no."),
                (AskKind.Budget, false) => (SysStatus.OverBudget, "The user said no to more of the budget."),
                (AskKind.Repeat, false) => (SysStatus.Refused, "The user said no: this call brings nothing new."),
                (AskKind.Doubt, true) => (SysStatus.Ok, "It happened, the user says; its answer is lost."),
                (AskKind.Question, _) => (SysStatus.Ok, e.Text.Length > 0 ? e.Text : e.Yes ? "yes" : "no"),
                _ => (SysStatus.Ok, (string?)null),
            };
            if (text is not null)
                Return(process, call, status, text, ask.Kind == AskKind.Question ? Label.From(Source.User) : null);
        }
        else if (ask.Kind == AskKind.Budget && !e.Yes)
        {
            End(process, 1, "the user gave it no more of its budget");
            return;
        }

        Go(process);
    }

    private bool Return(Process process, PendingCall call, SysStatus status, string text, Label? label = null)
    {
        Emit(new Returned(
            process.Pid.Number, call.Number, status, text, label?.ToText() ?? s_kernelLabel, []));
        return true;
    }

    private bool Ask(
        Process process, int call, AskKind kind, string text, Resource? resource = null, long amount = 0)
    {
        Emit(new Asked(process.Pid.Number, _lastAsk + 1, call, kind, text, resource, amount));
        Wait(process, ProcessState.Blocked, $"answer {_lastAsk}");
        return false;
    }

    private bool Spawn(Process process, PendingCall call, SpawnSyscall spawn) => Child(process, call, pid =>
        new Spawned(pid, process.Pid.Number, process.Group.Number, spawn.Request with
        {
            // What the parent may hand on, as it has it.
            Capabilities = [.. process.Grants.Where(g => g.Capability.Delegable && !g.IsRevoked).Select(g =>
                g.Capability)],
            Class = process.Runnable.Class,
            Seed = process.Request.Seed,
            Temperature = process.Request.Temperature,
            TurnTokens = process.Request.TurnTokens,
            Tools = process.Request.Tools,
            Domain = process.Request.Domain,
        }));

    private bool Fork(Process process, PendingCall call, ForkSyscall fork) => Child(process, call, pid =>
        new Forked(pid, process.Pid.Number, fork.ChildName, fork.Message,
            process.Space.Label.Join(Label.From(Source.Peer($"{process.Pid}"))).ToText()));

    private bool Child(Process process, PendingCall call, Func<int, KernelEvent> started)
    {
        var verdict = process.Budget.TryReserve(Resource.Children, 1);
        if (verdict.Answer != BudgetAnswer.Granted)
            return Return(process, call, SysStatus.OverBudget,
                $"No more processes: {verdict.By!.Name} has {verdict.By.Used(Resource.Children)}.");
        process.Budget.Settle(Resource.Children, 1, 0);
        var pid = _lastPid + 1;
        EmitAll(
        [
            started(pid),
            new Returned(process.Pid.Number, call.Number, SysStatus.Ok, $"{pid}", s_kernelLabel, []),
        ]);
        Go(_processes[pid]);
        return true;
    }

    private bool WaitFor(Process process, PendingCall call, WaitSyscall wait)
    {
        if (!process.Children.ContainsKey(wait.Child.Number)
            || !_processes.TryGetValue(wait.Child.Number, out var child))
            return Return(process, call, SysStatus.NotFound, $"Process {wait.Child} is no child of this one.");
        if (child.IsOver)
        {
            Reap(process, call, child);
            return true;
        }

        (call.Stage, call.Child) = (CallStage.Flying, wait.Child);
        Wait(process, ProcessState.Blocked, $"the end of {wait.Child}");
        return false;
    }

    private bool Kill(Process process, PendingCall call, KillSyscall kill)
    {
        if (!_processes.TryGetValue(kill.Target.Number, out var target) || target.IsOver)
            return Return(process, call, SysStatus.NotFound, $"There is no process {kill.Target}.");
        Return(process, call, SysStatus.Ok, $"{kill.Signal} to {kill.Target}");
        DoSignal(target, kill.Signal);
        return true;
    }

    private bool Sleep(Process process, PendingCall call, SleepSyscall sleep)
    {
        if (sleep.Seconds == 0)
            return Return(process, call, SysStatus.Ok, "");
        (call.Stage, call.Due) = (CallStage.Flying, _now.AddSeconds(sleep.Seconds));
        Wait(process, ProcessState.Blocked, $"{sleep.Seconds} s");
        return false;
    }

    private void TimeOut(Process process, PendingCall call)
    {
        call.Cancel?.Cancel();
        call.Cancel = null;
        if (call.Call is SleepSyscall)
            Return(process, call, SysStatus.Ok, "");
        else
            Return(process, call, SysStatus.TimedOut, $"{call.Call!.Name} {call.Call.Path} did not answer within " +
                $"{_options.CallDeadline.TotalSeconds} s" +
                (call.Call.Class == Effect.Once ? "; whether it happened is not known." : "."));
        Go(process);
    }

    private static void Abandon(Process process, PendingCall call)
    {
        call.Cancel?.Cancel();
        call.Cancel = null;
        SyscallGate.Settle(process, call, 0, 0);
    }

    private static string Shown(string body) => body.Length == 0 ? ""
        : $" with {(body.Length <= 200 ? body : body[..200] + "...")}";
}
