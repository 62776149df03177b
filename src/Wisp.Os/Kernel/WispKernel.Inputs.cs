using Wisp.Guard;
using Wisp.Kernel.Budgets;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;

namespace Wisp.Kernel;

/// <summary>What comes from outside, and signals.</summary>
public sealed partial class WispKernel
{
    private const int LostNumbers = 1000;

    private DateTimeOffset _lastWall;

    // Takes in one input; what cannot be is refused before anything is written.
    private Pid Take(KernelEvent input, AskedModel? own)
    {
        switch (input)
        {
            case Spawned e:
                e = e with { Request = WithTools(e.Request) };
                Refuse(_budget.TryReserve(Resource.Children, 1), "another process");
                _budget.Settle(Resource.Children, 1, 0);
                var pid = new Pid(_lastPid + 1);
                Emit(e with { Pid = pid.Number, Group = pid.Number }, isInput: true);
                _processes[pid.Number].Own = own;
                Go(_processes[pid.Number]);
                return pid;
            case Forked e:
                var parent = Find(new Pid(e.Parent));
                Refuse(parent.Budget.TryReserve(Resource.Children, 1), "a branch");
                parent.Budget.Settle(Resource.Children, 1, 0);
                var child = new Pid(_lastPid + 1);
                Emit(e with { Pid = child.Number, IsUsers = true }, isInput: true);
                Go(_processes[child.Number]);
                return child;
            case Execed e:
                var changed = Find(new Pid(e.Pid));
                DropTurn(changed);
                foreach (var flying in changed.Calls)
                    Abandon(changed, flying);
                Emit(e, isInput: true);
                Go(changed);
                return changed.Pid;
            case Turned e:
                return _processes.TryGetValue(e.Pid, out var answered) ? TakeTurn(answered, e) : Pid.None;
            case Exited e:
                if (_processes.TryGetValue(e.Pid, out var failed) && failed.Asking is not null)
                    End(failed, e.Code, e.Reason, isInput: true);
                return Pid.None;
            case Returned e:
                return _processes.TryGetValue(e.Pid, out var caller) ? TakeReturn(caller, e) : Pid.None;
            case Probed e:
                return _processes.TryGetValue(e.Pid, out var probed) ? TakeProbe(probed, e) : Pid.None;
            case Answered e:
                if (!_asks.TryGetValue(e.Ask, out var ask))
                    throw new ArgumentException($"Nothing is asked under number {e.Ask}.");
                if (e.Uses < 1)
                    throw new ArgumentException($"{e.Uses} uses are none; say at least 1, or no.");
                var asking = Find(ask.Pid);
                Emit(e with { Pid = ask.Pid.Number }, isInput: true);
                AfterAnswer(asking, ask, e);
                return ask.Pid;
            case SwappedOut or SwappedIn:
                _recorded.Add(input); // what a journal says was done, to be done when it comes to that
                return Pid.None;
            case Signalled e:
                var told = Find(new Pid(e.Pid));
                DoSignal(told, e.Signal, isInput: true);
                return told.Pid;
            default: // Said, Reniced, Limited
                var process = Find(new Pid(input.Pid));
                if (input is Said && process.IsStopping)
                    throw new ArgumentException($"Process {process.Pid} is being stopped and listens no more.");
                Emit(input, isInput: true);
                Go(process);
                return process.Pid;
        }
    }

    // Which tools are called most is not in the journal, so the text that follows from it is.
    private SpawnRequest WithTools(SpawnRequest request) =>
        request.ListsTools && _parts.Tools is { } tools ? request with { Tools = tools(request) } : request;

    private static void Refuse(BudgetVerdict verdict, string what)
    {
        if (verdict.Answer != BudgetAnswer.Granted)
            throw new ArgumentException(
                $"There is no room for {what}: {verdict.By!.Name} has {verdict.By.Used(Resource.Children)} already.");
    }

    private void DoSignal(Process process, Signal signal, bool isInput = false)
    {
        var isAtTurn = !process.IsIdle && process.Calls.Count == 0;
        Emit(new Signalled(process.Pid.Number, signal), isInput);
        switch (signal)
        {
            case Signal.Kill:
                End(process, 128 + (int)signal, "killed");
                return;
            case Signal.Int or Signal.Term:
                // What was being said ends here, be it nothing yet.
                if (isAtTurn)
                    CutTurn(process);
                CancelCalls(process);
                break;
        }

        Go(process);
    }

    private void CancelCalls(Process process)
    {
        foreach (var call in process.Calls.Where(c => c.Stage is CallStage.Flying or CallStage.Asking).ToList())
        {
            call.Cancel?.Cancel();
            call.Cancel = null;
            Return(process, call, SysStatus.Cancelled, call.Call is DriverSyscall { Class: Effect.Once }
                ? "interrupted; whether it happened is not known" : "interrupted");
        }
    }

    /// <summary>
    /// What a process does now, from its state alone: it waits, it goes on with its calls, it gets in line for the
    /// model, or it is done.
    /// </summary>
    private void Go(Process process)
    {
        while (true)
        {
            if (process.IsOver)
                return;
            if (process.IsHeld)
            {
                Wait(process, ProcessState.Stopped, "stopped");
                return;
            }

            if (process.Calls.Count == 0)
                break;
            // The next call of the turn; true where it is done and the one after it can be looked at.
            if (!Advance(process))
                return;
        }

        if (_asks.Values.FirstOrDefault(ask => ask.Pid == process.Pid) is { } open)
        {
            Wait(process, ProcessState.Blocked, $"answer {open.Number}");
            return;
        }

        if (!process.IsIdle && IsAsked(process))
        {
            AskModel(process);
            return;
        }

        if (!process.IsIdle)
        {
            if (process.State is not (ProcessState.Ready or ProcessState.Running))
                process.Move(ProcessState.Ready);
            if (!process.Runnable.IsQueued)
                _scheduler.Add(process.Runnable);
            return;
        }

        if (process.IsStopping)
            End(process, 128 + (int)Signal.Term, "stopped");
        else if (process.Request.Stays || process.Turns == 0)
            Wait(process, ProcessState.Blocked, "a message");
        else
            End(process, 0, "done");
    }

    private void Wait(Process process, ProcessState state, string why)
    {
        _scheduler.Remove(process.Runnable);
        process.Move(process.State == ProcessState.Swapped ? ProcessState.Swapped : state, why);
    }

    private void End(Process process, int code, string reason, bool isInput = false)
    {
        if (process.IsOver || process.IsEnding)
            return;
        process.IsEnding = true;
        foreach (var pid in process.Children.Keys.ToList())
            if (_processes.TryGetValue(pid, out var child))
                if (!child.IsOver && !child.Request.Detached)
                    End(child, 128 + (int)Signal.Kill, $"killed: its parent {process.Pid} ended");
                else if (child.IsOver)
                    Emit(new Reaped(pid));
        DropTurn(process);
        foreach (var call in process.Calls)
            Abandon(process, call);
        Emit(new Exited(process.Pid.Number, code, reason), isInput);
        _scheduler.Remove(process.Runnable);
        FreeKeys(process);
        _concurrency.Forget(process.Pid);
        _parts.Ended?.Invoke(process.Pid);
        if (_waiters.Remove(process.Pid.Number, out var waiter))
            waiter.SetResult(process.Exit!);
        if (process.Parent == Pid.None || !_processes.TryGetValue(process.Parent.Number, out var parent)
            || parent.IsOver || parent.IsEnding)
        {
            Emit(new Reaped(process.Pid.Number));
            return;
        }

        // SIGCHLD: a parent that waits for it goes on.
        if (parent.Calls.Find(call => call.Stage == CallStage.Flying && call.Child == process.Pid) is { } wait)
        {
            Reap(parent, wait, process);
            Go(parent);
        }
    }

    private void Reap(Process parent, PendingCall wait, Process child)
    {
        var exit = child.Exit!;
        EmitAll(
        [
            new Returned(parent.Pid.Number, wait.Number, exit.Code == 0 ? SysStatus.Ok : SysStatus.Failed,
                exit.Code == 0 ? exit.Answer
                : $"Process {child.Pid} ended with {exit.Code} ({exit.Reason}). {exit.Answer}".Trim(),
                child.Space.Label.Join(Label.From(Source.Peer($"{child.Pid}"))).ToText(), []),
            new Reaped(child.Pid.Number),
        ]);
    }

    private void Timers()
    {
        var elapsed = Math.Max(0, (long)(_now - _lastWall).TotalMilliseconds);
        _lastWall = _now;
        if (elapsed == 0)
            return;
        foreach (var process in _processes.Values.ToList())
        {
            if (process.IsOver)
                continue;
            if (!IsAsking(process) && !(process.IsIdle && process.Calls.Count == 0))
            {
                var verdict = process.Budget.TryUse(Resource.WallMilliseconds, elapsed);
                if (verdict.Answer == BudgetAnswer.Refused)
                {
                    End(process, 1, $"out of time: {verdict.By!.Name} has no more of its " +
                        $"{verdict.By.LimitOf(Resource.WallMilliseconds).Max} ms");
                    continue;
                }

                process.Wall += elapsed;
                if (verdict.Answer == BudgetAnswer.Ask)
                    Ask(process, 0, AskKind.Budget, $"{process.Request.Name}: more time than " +
                        $"{verdict.By!.LimitOf(Resource.WallMilliseconds).High} ms?", Resource.WallMilliseconds,
                        elapsed);
            }

            if (process.Calls.Find(c => c.Stage == CallStage.Flying && c.Due <= _now) is { } due)
                TimeOut(process, due);
        }
    }

    private bool IsAsking(Process process) => _asks.Values.Any(ask => ask.Pid == process.Pid);

    private DateTimeOffset? NextDue()
    {
        DateTimeOffset? next = null;
        foreach (var process in _processes.Values)
            foreach (var call in process.Calls)
                if (call.Stage == CallStage.Flying && call.Due is { } due && !(next <= due))
                    next = due;
        return next;
    }

    // A journal that lost entries: whom they concern waits for a person to say CONT or KILL.
    private void HoldDamaged()
    {
        if (_parts.Journal is not { Damage.Count: > 0 } journal)
            return;
        // Numbers that may have been lost are not given again: they are keys of effects.
        Emit(new Reaped(_lastPid + LostNumbers));
        foreach (var process in _processes.Values.ToList())
            if (!process.IsOver && (journal.Damaged.Contains(0) || journal.Damaged.Contains(process.Pid.Number)))
                Emit(new Signalled(process.Pid.Number, Signal.Stop));
    }
}
