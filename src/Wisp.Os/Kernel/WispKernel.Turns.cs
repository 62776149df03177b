using Wisp.Compute;
using Wisp.Kernel.Budgets;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Kernel.Scheduling;
using Wisp.Memory;
using Wisp.Run;

namespace Wisp.Kernel;

/// <summary>Turns of the model: who is in a step, what is fed, what comes of it.</summary>
public sealed partial class WispKernel
{
    // A turn that keeps naming what it could not see is taken as it is after so many tries.
    private const int MaxFaults = 4;

    private readonly List<Runnable> _picked = [];
    private readonly List<StepJob> _jobs = [];
    private readonly List<Process> _running = [];
    private readonly List<(Process Process, bool IsPrompt)> _stepped = [];

    private ITokenCore Core => _parts.Core;

    private bool StepModel()
    {
        _concurrency.Step(_tick, _scheduler.Queue.Count);
        Compose(_options.Slots);
        // Who was not picked may hold the memory, or have the turn, that all who were picked wait for.
        if (_jobs.Count == 0 && _picked.Count < _scheduler.Queue.Count)
            Compose(_scheduler.Queue.Count);
        if (_jobs.Count == 0)
            return _scheduler.Queue.Count > 0 && _picked.Count > 0 && Unstick();
        var begin = _parts.Time.GetTimestamp();
        try
        {
            Core.Step(_jobs);
        }
        catch (Exception e) when (e is not JournalException)
        {
            // A fault of one step ends those who were in it, and not the kernel.
            foreach (var (process, _) in _stepped)
                End(process, 1, $"the model failed: {e.Message}");
            return true;
        }

        if (_parts.Swap is { } swap && _jobs.Sum(job => job.Feed.Length) is var rows && rows > 2 * _jobs.Count)
            swap.Prefilled(rows, _parts.Time.GetElapsedTime(begin));
        foreach (var (process, isPrompt) in _stepped)
            Stepped(process, isPrompt);
        return true;
    }

    // Who is in the next step, and with what.
    private void Compose(int slots)
    {
        _scheduler.Pick(_picked, slots);
        _jobs.Clear();
        _stepped.Clear();
        // The switch: whoever is not in this step stands in line again; keys and values stay where they are.
        foreach (var process in _running)
            if (process.State == ProcessState.Running)
                process.Move(ProcessState.Ready);
        _running.Clear();
        foreach (var runnable in _picked)
        {
            var process = _processes[runnable.Pid.Number];
            process.Move(ProcessState.Running);
            _running.Add(process);
        }

        var rows = Core.Rows;
        // Those that write have one row each; prompts share the rest.
        foreach (var isPrompt in (bool[])[false, true])
            foreach (var runnable in _picked)
                if (rows > 0 && _processes.TryGetValue(runnable.Pid.Number, out var process) && runnable.IsQueued
                    && PrepareTurn(process) && (Unread(process) > 1) == isPrompt)
                    rows -= Join(process, isPrompt, rows);
        // Whoever ended while the others were looked at is in no step: a parent takes its children along.
        for (var i = _jobs.Count - 1; i >= 0; i--)
            if (_stepped[i].Process.Turn != _jobs[i])
            {
                _jobs.RemoveAt(i);
                _stepped.RemoveAt(i);
            }
    }

    // Tokens that stand ready to be fed.
    private static int Unread(Process process) =>
        process.Wanted.Length + process.Turn!.Written.Count - process.Sequence!.Length;

    /// <summary>Begins a turn where none is under way. Returns false where the process ended or has to wait.</summary>
    private bool PrepareTurn(Process process)
    {
        if (process.Turn is not null)
            return true;
        if (_concurrency.Limit <= TurnsUnderWay)
            return false;
        IReadOnlyList<PromptPart> prompt;
        try
        {
            prompt = process.Space.Prompt();
        }
        catch (WindowException e)
        {
            End(process, 1, e.Message);
            return false;
        }

        int[] wanted = [.. prompt.SelectMany(part => part.Tokens.ToArray()), .. Core.Codec.Opening];
        if (wanted.Length + 1 > Core.Context)
        {
            End(process, 1, $"its context is full: {wanted.Length:N0} tokens, and the model reads {Core.Context:N0}");
            return false;
        }

        if (process.Away is not null && !SwapIn(process))
            return false;
        process.Wanted = wanted;
        if (process.Sequence is { } sequence)
        {
            var same = sequence.CopyOfTokens().AsSpan().CommonPrefixLength(wanted);
            Return(process, (sequence.Length - Math.Min(same, wanted.Length - 1)) / KvStore.BlockTokens);
            sequence.Truncate(Math.Min(same, wanted.Length - 1));
            sequence.Extend(wanted.AsSpan(sequence.Length));
        }
        else
        {
            process.Sequence = Core.Kv.Create(wanted, process.Request.Domain);
        }

        if (IsOverpromised)
        {
            FreeKeys(process);
            return false;
        }

        process.Prefill = (0, process.Sequence.Length);
        process.Turn = new StepJob(process.Pid, process.Turns, process.Sequence, process.Request.Sampling,
            TurnSeed(process.Request.Seed, process.Pid.Number, process.Turns));
        return true;
    }

    /// <summary>The seed of one turn: of the process's, its number and the turn's.</summary>
    internal static ulong TurnSeed(ulong seed, int pid, int turn)
    {
        var mixed = new SplitMix64(seed ^ ((ulong)pid << 32) ^ (ulong)turn);
        return mixed.Next();
    }

    // Adds a process to the step; returns the rows it takes, 0 where it cannot be in it.
    private int Join(Process process, bool isPrompt, int rows)
    {
        var (sequence, job) = (process.Sequence!, process.Turn!);
        var count = 1;
        if (isPrompt)
        {
            var before = sequence.Length;
            var found = sequence.Extend(process.Wanted.AsSpan(before));
            if (IsOverpromised)
            {
                sequence.Truncate(before);
                return 0;
            }

            process.Prefill = (process.Prefill.Computed, process.Prefill.Reused + found);
            // A block that two of them lack is computed for one; the other finds it in its next turn.
            if (_jobs.Exists(other => other.Feed.Length >= KvStore.BlockTokens && other.Sequence.StandsWith(sequence)
                && process.Wanted.Length - sequence.Length > KvStore.BlockTokens
                && other.Feed.Span[..KvStore.BlockTokens].SequenceEqual(
                    process.Wanted.AsSpan(sequence.Length, KvStore.BlockTokens))))
                return 0;
            count = process.Wanted.Length - sequence.Length;
            if (count > rows)
            {
                count = ((sequence.Length + rows) / KvStore.BlockTokens * KvStore.BlockTokens) - sequence.Length;
                if (count <= 0)
                    return 0;
            }
        }

        var picks = sequence.Length + count == process.Wanted.Length + job.Written.Count;
        if (!HasMemory(process, count) || !Granted(process, isPrompt ? count : 0, picks ? 1 : 0))
            return 0;
        job.Feed = isPrompt ? process.Wanted.AsMemory(sequence.Length, count)
            : job.Written.Count > 0 ? new[] { job.Written[^1] } : process.Wanted.AsMemory(sequence.Length, 1);
        job.Picks = picks;
        _jobs.Add(job);
        _stepped.Add((process, isPrompt));
        return count;
    }

    // Reserved before the step, for what the step will surely use.
    private bool Granted(Process process, int prefill, int decode)
    {
        foreach (var (resource, amount) in new[] { (Resource.PrefillTokens, prefill), (Resource.DecodeTokens, decode) })
        {
            if (amount == 0)
                continue;
            var verdict = process.Budget.TryUse(resource, amount);
            if (verdict.Answer == BudgetAnswer.Granted)
            {
                if (resource == Resource.PrefillTokens)
                    process.TurnComputed += amount;
                else
                    process.TurnDecoded += amount;
                continue;
            }

            var by = verdict.By!;
            if (verdict.Answer == BudgetAnswer.Ask)
                Ask(process, 0, AskKind.Budget, $"{process.Request.Name}: {by.Name} has used {by.Used(resource)} of " +
                    $"{by.LimitOf(resource).High} {resource}. Let it go on?", resource, amount);
            else if (process.Turn is { Written.Count: > 0 })
                EndOverBudget(process, resource, by);
            else
                End(process, 1,
                    $"out of budget: {by.Name} has used {by.Used(resource)} of {by.LimitOf(resource).Max} " +
                    $"{resource}");
            return false;
        }

        return true;
    }

    private void EndOverBudget(Process process, Resource resource, Budget by)
    {
        EndTurn(process, cut: true); // what it has said is kept
        if (!process.IsOver)
            End(process, 1, $"out of budget: {by.Name} has used {by.Used(resource)} of {by.LimitOf(resource).Max} " +
                $"{resource}");
    }

    private void Stepped(Process process, bool isPrompt)
    {
        if (process.Turn is not { } job || process.IsOver)
            return;
        if (isPrompt)
            process.Prefill = (process.Prefill.Computed + job.Feed.Length, process.Prefill.Reused);
        // Reading a token costs one, writing one two. Sheng et al. 2024, section 3.
        _scheduler.Charge(process.Runnable, job.Feed.Length + (job.Picks ? 1 : 0));
        if (!job.Picks)
            return;
        if (Core.Ends(job.Picked))
        {
            EndTurn(process, cut: false);
            return;
        }

        job.Written.Add(job.Picked);
        _parts.Wrote?.Invoke(process.Pid, job.Picked);
        if (job.Written.Count >= (process.IsStopping ? Math.Min(_options.LastWords, process.Request.TurnTokens)
            : process.Request.TurnTokens))
            EndTurn(process, cut: true);
    }

    private void CutTurn(Process process)
    {
        DropRemote(process);
        if (process.Turn is not null)
            EndTurn(process, cut: true);
        else
            Emit(new Turned(process.Pid.Number, [], "", 0, 0, process.Wall, Cut: true));
    }

    private void EndTurn(Process process, bool cut)
    {
        var job = process.Turn!;
        process.Turn = null;
        var attention = Attention(process.Sequence!);
        process.Space.Attended(attention);
        int[] tokens = [.. job.Written];
        var text = Core.Text(tokens);
        if (!cut && process.Faults < MaxFaults && process.Space.Fault(text))
        {
            Emit(new Faulted(process.Pid.Number, tokens, text, process.Prefill.Computed, process.Prefill.Reused)
            {
                Attention = attention,
            });
            if (process.Space.IsThrashing)
                _concurrency.Lost(process.Pid, _tick, TurnsUnderWay);
        }
        else
        {
            Emit(new Turned(process.Pid.Number, tokens, text, process.Prefill.Computed, process.Prefill.Reused,
                process.Wall, cut)
            {
                Attention = attention,
            });
            Warn(process);
        }

        Go(process);
    }

    // It comes from the model like its tokens, and moves pages: so it stands in the journal, in a few digits, and what
    // stands there is what counts.
    private static float[]? Attention(KvSequence sequence)
    {
        var mass = sequence.TakeAttention();
        if (!mass.AsSpan().ContainsAnyExcept(0f))
            return null; // not measured
        for (var i = 0; i < mass.Length; i++)
            mass[i] = MathF.Round(mass[i], 1);
        return mass;
    }

    // XCPU at nine tenths.
    private void Warn(Process process)
    {
        if (process.WasWarned)
            return;
        for (var at = process.Budget; at is not null; at = at.Parent)
            if (at.LimitOf(Resource.DecodeTokens).Max is { } max && at.Used(Resource.DecodeTokens) * 10 >= max * 9
                && at.Used(Resource.DecodeTokens) < max)
            {
                if (!process.IsIdle)
                    Emit(new Signalled(process.Pid.Number, Signal.Budget));
                return;
            }
    }

    // Half a turn is no turn: it is taken again from its beginning.
    private static void DropTurn(Process process)
    {
        process.Turn = null;
        DropRemote(process);
    }
}
