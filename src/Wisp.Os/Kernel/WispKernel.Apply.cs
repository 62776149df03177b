using Wisp.Guard;
using Wisp.Kernel.Budgets;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Kernel.Scheduling;
using Wisp.Memory;

namespace Wisp.Kernel;

/// <summary>What events make of the state. Nothing here looks at anything but the state and the event.</summary>
public sealed partial class WispKernel
{
    private sealed record OpenAsk(
        int Number, Pid Pid, int Call, AskKind Kind, string Text, Resource? Resource, long Amount);

    // Ends that are remembered, so that one can be asked for after the process is gone.
    private const int MaxExits = 256;

    private void Apply(KernelEvent e)
    {
        _lastPid = Math.Max(_lastPid, e.Pid); // also of one whose beginning was lost: numbers are keys
        if (e is Booted booted)
            _asksAll = booted.AsksAll;
        else if (e is Spawned spawned)
            Apply(spawned);
        else if (e is Forked forked)
            Apply(forked);
        else if (_processes.TryGetValue(e.Pid, out var process))
            Apply(process, e);
    }

    private void Apply(Spawned e)
    {
        var process = Add(e.Pid, e.Parent, e.Group, e.Request, _parts.NewSpace(), new Share());
        process.Runnable.Share.Weight = e.Request.Weight;
        var parent = _processes.GetValueOrDefault(e.Parent);
        foreach (var capability in e.Request.Capabilities)
            process.Grants.Add(new Grant(capability, parent?.Grants.FirstOrDefault(
                grant => grant.Capability.Delegable && capability.IsWithin(grant.Capability))));
        var label = parent is null
            ? Label.From(Source.User) : Label.From(Source.Peer($"{e.Parent}")).Join(parent.Space.Label);
        Begin(process, e.Request.Instructions, e.Request.Message,
            e.Request.Label.Length == 0 ? label : label.Join(Label.Parse(e.Request.Label)));
    }

    private void Apply(Forked e)
    {
        if (!_processes.TryGetValue(e.Parent, out var parent))
            return;
        // All branches of one process share its weight.
        var child = Add(e.Pid, e.Parent, parent.Group.Number,
            parent.Request with
            {
                Name = e.Name,
                Message = e.Message,
                Stays = false,
                Detached = false,
                NewGroup = false
            },
            parent.Space.Fork(), parent.Runnable.Share);
        if (e.IsUsers)
        {
            child.Parent = Pid.None;
            parent.Children.Remove(e.Pid);
        }

        foreach (var grant in parent.Grants.Where(grant => grant.Capability.Delegable && !grant.IsRevoked))
            child.Grants.Add(new Grant(grant.Capability, grant));
        child.Space.Say(PromptRole.User, e.Message, Label.Parse(e.Label));
        child.Move(ProcessState.Ready);
        if (!_folding && parent.Sequence is { } sequence && parent.Turn is null)
            child.Sequence = sequence.Fork();
    }

    private Process Add(int pid, int parent, int group, SpawnRequest request, AddressSpace space, Share share)
    {
        var budget = new Budget($"process {pid}", _processes.GetValueOrDefault(parent)?.Budget ?? _budget);
        foreach (var (resource, limit) in request.Limits)
            budget.Set(resource, limit);
        budget.Parent!.Count(Resource.Children, 1);
        var process = new Process
        {
            Pid = new Pid(pid), Parent = new Pid(parent), Group = new Pid(group), Request = request, Space = space,
            Budget = budget, Runnable = new Runnable(new Pid(pid), share, request.Class),
        };
        _processes.Add(pid, process);
        if (_processes.TryGetValue(parent, out var above))
            above.Children[pid] = process.Pid;
        return process;
    }

    private static void Begin(Process process, string instructions, string message, Label label)
    {
        if (instructions.Length > 0)
            process.Space.Say(PromptRole.System, instructions, label);
        if (process.Request.Tools is { Length: > 0 } tools)
            process.Space.SetTools(tools, Label.From(Source.Kernel));
        if (message.Length > 0)
            Say(process, PromptRole.User, message, label);
        process.IsIdle = message.Length == 0;
        if (process.State == ProcessState.New)
            process.Move(ProcessState.Ready);
    }

    private void Apply(Process process, KernelEvent e)
    {
        switch (e)
        {
            case Execed exec:
                process.Space = _parts.NewSpace();
                process.Request = process.Request with
                {
                    Name = exec.Name,
                    Instructions = exec.Instructions,
                    Message = exec.Message,
                };
                (process.Taken, process.Repeats) = (null, default);
                Forget(process);
                process.Calls.Clear();
                process.Mail.Clear();
                process.News.Clear();
                Begin(process, exec.Instructions, exec.Message, Label.From(Source.User));
                break;
            case Said said:
                Deliver(process, PromptRole.User, said.Text, Label.Parse(said.Label));
                break;
            case Turned turned:
                Apply(process, turned);
                break;
            case Faulted fault:
                Count(process, fault.Tokens.Length, fault.Computed, fault.Reused);
                process.Turns++;
                if (_folding)
                    Revisit(process, fault.Text, fault.Attention);
                process.Faults++;
                break;
            case Intended intended when Call(process, intended.Call) is { } call:
                call.Stage = CallStage.Intended;
                process.LastCall = $"{intended.Name} {intended.Path}";
                break;
            case Returned returned when Call(process, returned.Call) is { } call:
                Apply(process, call, returned);
                break;
            case Asked asked:
                _lastAsk = Math.Max(_lastAsk, asked.Ask);
                _asks[asked.Ask] = new OpenAsk(
                    asked.Ask, process.Pid, asked.Call, asked.Kind, asked.Text, asked.Resource, asked.Amount);
                if (Call(process, asked.Call) is { } asking)
                    asking.Stage = CallStage.Asking;
                break;
            case Answered answered:
                Apply(process, answered);
                break;
            case Signalled { Signal: Signal.Stop }:
                process.IsHeld = true;
                break;
            case Signalled { Signal: Signal.Continue }:
                process.IsHeld = false;
                break;
            case Signalled { Signal: Signal.Int }:
                Forget(process);
                break;
            case Signalled { Signal: Signal.Term } when !process.IsStopping:
                Forget(process);
                (process.IsStopping, process.IsHeld) = (true, false);
                process.Mail.Clear();
                Deliver(process, PromptRole.User,
                    $"[kernel] You are being stopped. Say in a few words (at most {_options.LastWords} tokens) what " +
                    "must not be lost.", Label.From(Source.Kernel));
                break;
            case Signalled { Signal: Signal.Budget }:
                process.WasWarned = true;
                Deliver(process, PromptRole.User, "[kernel] Nine tenths of the budget of tokens are used.",
                    Label.From(Source.Kernel));
                break;
            case Reniced reniced:
                process.Runnable.Class = reniced.Class;
                process.Runnable.Share.Weight = reniced.Weight;
                break;
            case Limited limited:
                process.Budget.Set(limited.Resource, new Limit(limited.High, limited.Max));
                break;
            case Exited exited:
                process.Exit = new ProcessExit(exited.Code, exited.Reason, process.Answer);
                Remember(process);
                if (process.State == ProcessState.New)
                    process.Move(ProcessState.Ready);
                process.Move(ProcessState.Zombie);
                Forget(process);
                foreach (var child in process.Children.Keys)
                    if (_processes.TryGetValue(child, out var orphan))
                        orphan.Parent = Pid.None; // init's
                break;
            case Reaped:
                process.Move(ProcessState.Dead);
                process.Budget.Parent!.Return(Resource.Children, 1);
                _processes.Remove(process.Pid.Number);
                if (_processes.TryGetValue(process.Parent.Number, out var parent))
                    parent.Children.Remove(process.Pid.Number);
                break;
        }
    }

    private void Apply(Process process, Turned e)
    {
        Count(process, e.Tokens.Length + e.Written, e.Computed, e.Reused);
        process.Budget.Count(Resource.MicroMoney, e.MicroMoney);
        if (_folding)
        {
            process.Budget.Count(Resource.WallMilliseconds, Math.Max(0, e.Wall - process.Wall));
            process.Wall = e.Wall;
            Revisit(process, e.Cut || process.Faults == MaxFaults ? "" : e.Text, e.Attention);
        }

        process.Faults = 0;

        process.Turns++;
        process.News.Clear();
        var parsed = e.Calls is null ? CallParser.Parse(process.Pid, e.Text, _gate.ClassOf)
            : CallParser.Parse(process.Pid, e.Text, e.Calls, _gate.ClassOf);
        process.Answer = parsed.Answer;
        process.Taken = !IsAsked(process) ? Core.Codec.Answer(e.Text, e.Tokens)
            : Core.Codec.Part(PromptRole.Assistant, e.Text + string.Concat<WrittenCall>(e.Calls ?? []));
        process.Calls.Clear();
        foreach (var (call, written) in parsed.Calls)
            process.Calls.Add(new PendingCall(++process.CallNumber, call, written));
        if (process.Calls.Count == 0)
            Complete(process);
    }

    // What the turn asked of the memory when it was taken, and what it left there.
    private static void Revisit(Process process, string text, float[]? attention)
    {
        try
        {
            _ = process.Space.Prompt();
        }
        catch (WindowException)
        {
            return; // so the process ends, as it did then
        }

        process.Space.Attended(attention);
        if (text.Length > 0)
            process.Space.Fault(text);
    }

    private static void Count(Process process, int decoded, int computed, int reused)
    {
        process.DecodeTokens += decoded;
        process.PrefillTokens += computed;
        process.ReusedTokens += reused;
        // In a turn that happens now its tokens were counted one by one, when they were granted.
        process.Budget.Count(Resource.DecodeTokens, decoded - process.TurnDecoded);
        process.Budget.Count(Resource.PrefillTokens, computed - process.TurnComputed);
        (process.TurnDecoded, process.TurnComputed) = (0, 0);
    }

    private void Apply(Process process, PendingCall call, Returned e)
    {
        call.Result = new SysResult(e.Status, e.Text, Label.Parse(e.Label))
        {
            Extents = e.Extents, CpuMilliseconds = e.CpuMilliseconds, MicroMoney = e.MicroMoney,
        };
        if (call.Reserved.Count > 0)
            SyscallGate.Settle(process, call, e.CpuMilliseconds, e.MicroMoney);
        else if (_folding && call.Call is not null && (call.Stage == CallStage.Intended || e.Status
            is not (SysStatus.Denied or SysStatus.Refused or SysStatus.OverBudget or SysStatus.Cancelled)))
        {
            process.Budget.Count(Resource.ToolCalls, 1);
            process.Budget.Count(Resource.ToolCpuMilliseconds, e.CpuMilliseconds);
            process.Budget.Count(Resource.MicroMoney, e.MicroMoney);
        }

        call.Stage = CallStage.Done;
        process.CallCount++;
        var key = call.Call is null ? "" : $"{call.Call.Name} {call.Call.Path} {call.Call.Body}";
        process.Repeats = call.Call is WaitSyscall or SleepSyscall ? default
            : process.Repeats.Call == key && process.Repeats.Result == e.Text
                ? (key, e.Text, process.Repeats.Times + 1) : (key, e.Text, 1);
        if (process.Calls.TrueForAll(c => c.Stage == CallStage.Done))
            Complete(process);
    }

    // The turn and its results become memory together.
    private static void Complete(Process process)
    {
        process.Space.Exchange(process.Taken!, [.. process.Calls.Select(call => new CallResult(
            call.Call ?? new DriverSyscall(process.Pid, Verb.Call, "/tools", call.Written, Effect.Pure),
            call.Result!))]);
        var hadCalls = process.Calls.Count > 0;
        foreach (var call in process.Calls)
            process.News.Add(new Heard(PromptRole.Tool, call.Result!.Text, call.Result.Status));
        process.Taken = null;
        process.Calls.Clear();
        process.IsIdle = process.Mail.Count == 0 && (!hadCalls || process.IsStopping);
        foreach (var (role, text, label) in process.Mail)
            Say(process, role, text, label);
        process.Mail.Clear();
    }

    private static void Say(Process process, PromptRole role, string text, Label label)
    {
        process.Space.Say(role, text, label);
        process.News.Add(new Heard(role, text));
    }

    // While a turn may be under way messages wait, so that what the model read is what stands before its answer.
    private static void Deliver(Process process, PromptRole role, string text, Label label)
    {
        if (!process.IsIdle)
        {
            process.Mail.Add((role, text, label));
            return;
        }

        Say(process, role, text, label);
        process.IsIdle = false;
    }

    private void Apply(Process process, Answered e)
    {
        if (!_asks.Remove(e.Ask, out var ask))
            return;
        var call = Call(process, ask.Call);
        if (call is { Stage: CallStage.Asking })
            call.Stage = ask.Kind == AskKind.Doubt ? CallStage.Intended : CallStage.New;
        switch (ask.Kind)
        {
            case AskKind.Call when e.Yes && call?.Call is { } made:
                call.IsApproved = true;
                // What was agreed to becomes a capability for exactly this, as often as was said.
                if (e.Uses > 1 && process.Grants.FirstOrDefault(grant => grant.Capability.Covers(made.Path)
                    && (grant.Capability.Rights & made.Needs) != 0) is { } parent)
                    process.Grants.Add(new Grant(parent.Capability with
                    {
                        Pattern = made.Path,
                        Rights = made.Needs,
                        Uses = e.Uses - 1,
                        Asks = false,
                        Delegable = false,
                    }, parent)
                    { IsApproval = true });
                break;
            case AskKind.Budget when e.Yes && ask.Resource is { } resource:
                for (var at = process.Budget; at is not null; at = at.Parent)
                    at.Raise(resource, ask.Amount);
                break;
            case AskKind.Doubt when !e.Yes && call is not null:
                call.Stage = CallStage.New; // it did not happen: it is made again, under the same key
                call.IsApproved = true;
                break;
            case AskKind.Repeat when e.Yes:
                process.Repeats = default;
                break;
        }
    }

    // What was asked for it is void.
    private void Forget(Process process)
    {
        foreach (var ask in _asks.Values.Where(ask => ask.Pid == process.Pid).ToList())
            _asks.Remove(ask.Number);
    }

    private static PendingCall? Call(Process process, int number) =>
        process.Calls.Find(call => call.Number == number && call.Stage != CallStage.Done);

    private void Remember(Process process)
    {
        _exits[process.Pid.Number] = process.Exit!;
        if (_exits.Count > MaxExits)
            _exits.Remove(_exits.Keys.Min());
    }
}
