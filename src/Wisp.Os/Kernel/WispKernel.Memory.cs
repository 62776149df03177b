using Wisp.Kernel.Budgets;
using Wisp.Kernel.Events;
using Wisp.Memory;
using Wisp.Run;

namespace Wisp.Kernel;

/// <summary>Memory of keys and values: who has it, who gets it, whose goes to a file or is read again.</summary>
public sealed partial class WispKernel
{
    private readonly List<KernelEvent> _recorded = []; // what was swapped when, in a journal that is run again

    // Blocks that nobody holds are free memory until a prompt is found in them, and it may be promised already.
    private bool IsOverpromised => Promised > Core.Kv.Available;

    private int Promised => _jobs.Sum(job => job.Sequence.BlocksToAppend(job.Feed.Length));

    private int TurnsUnderWay => _processes.Values.Count(process => process is { Turn: not null, IsOver: false });

    private bool HasMemory(Process process, int count)
    {
        var needed = process.Sequence!.BlocksToAppend(count);
        return MakeRoom(process, needed) && Charge(process, needed);
    }

    private bool MakeRoom(Process process, int blocks)
    {
        var promised = Promised;
        while (blocks + promised > Core.Kv.Available && FreeSomebody(process))
        {
        }

        return blocks + promised <= Core.Kv.Available;
    }

    private bool Charge(Process process, int blocks)
    {
        var bytes = BytesOf(blocks);
        if (bytes == 0)
            return true;
        var verdict = process.Budget.TryUse(Resource.KvBytes, bytes);
        if (verdict.Answer == BudgetAnswer.Granted)
        {
            process.KvBytes += bytes;
            return true;
        }

        if (verdict.Answer == BudgetAnswer.Ask)
            Ask(process, 0, AskKind.Budget, $"{process.Request.Name}: more memory for keys and values?",
                Resource.KvBytes, bytes);
        else
            End(process, 1, $"out of budget: {verdict.By!.Name} may hold {verdict.By.LimitOf(Resource.KvBytes).Max} " +
                "bytes of keys and values");
        return false;
    }

    private void Return(Process process, int blocks)
    {
        var bytes = Math.Min(process.KvBytes, BytesOf(blocks));
        if (bytes <= 0)
            return;
        process.Budget.Return(Resource.KvBytes, bytes);
        process.KvBytes -= bytes;
    }

    private long BytesOf(int blocks) => blocks * KvCache.BytesPerBlock(Core.Kv.Config, Core.Kv.Store.Type);

    // The keys and values of somebody who does nothing with them now; they come from a file, are computed again, or
    // found, when it does. Who writes goes before who reads a prompt; two that read never take from each other.
    private bool FreeSomebody(Process needy)
    {
        Process? victim = null;
        foreach (var candidate in _processes.Values)
            if (candidate != needy && candidate.Sequence is not null && (candidate.Turn is null
                || (candidate.Turn.Written.Count == 0 && needy.Turn is { Written.Count: > 0 }
                    && !_jobs.Contains(candidate.Turn)))
                && (victim is null || Rank(candidate).CompareTo(Rank(victim)) > 0))
                victim = candidate;
        if (victim is null)
            return false;
        if (victim.Turn is not null)
            Drop(victim);
        else if (victim.State is not (ProcessState.Blocked or ProcessState.Stopped) || !SwapOut(victim))
            FreeKeys(victim);
        return true;

        // Batch before interactive, then whoever frees most.
        static (int, int) Rank(Process process) => ((int)process.Runnable.Class, process.Sequence!.OwnBlocks);
    }

    // Nobody in the step had memory. Of the lowest class whoever has written least begins its turn again, so that the
    // one that is furthest always gets to its end; one that has all there is and needs more ends.
    private bool Unstick()
    {
        var holders = _processes.Values.Where(p => !p.IsOver && p.Sequence is { Length: > 0 })
            .OrderByDescending(p => (int)p.Runnable.Class).ThenBy(p => p.Turn?.Written.Count ?? 0)
            .ThenByDescending(p => p.Sequence!.Length).ToList();
        if (holders.Count == 0 || !_picked.Exists(runnable => runnable.IsQueued))
            return true;
        if (holders.Count == 1)
            End(holders[0], 128 + (int)Signal.Kill, "out of memory for keys and values: it needs more than there is");
        else
            Drop(holders[0]);
        return true;
    }

    // Half a turn goes with its keys and values.
    private void Drop(Process process)
    {
        _concurrency.Lost(process.Pid, _tick, TurnsUnderWay);
        DropTurn(process);
        FreeKeys(process);
    }

    // To a file, where that is cheaper than reading the tokens again. What is cheaper depends on how fast the disk and
    // the model have been, which came from outside: so it stands in the journal.
    private bool SwapOut(Process process)
    {
        var sequence = process.Sequence!;
        SwappedSequence away;
        if (_parts.IsReplay)
        {
            if (Recorded<SwappedOut>(process) is null)
                return false;
            away = new SwappedSequence(sequence.CopyOfTokens(), sequence.Domain, null);
        }
        else if (_parts.Swap is { } swap)
        {
            try
            {
                away = swap.Out(sequence);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false; // a full disk costs time and nothing else
            }

            if (away.File is null)
                return false;
        }
        else
        {
            return false;
        }

        FreeKeys(process);
        process.Away = away;
        Emit(new SwappedOut(process.Pid.Number, away.Tokens.Length), isInput: true);
        process.Move(ProcessState.Swapped, process.Why);
        return true;
    }

    // Back from the file; false where there is no room for it now, or no budget.
    private bool SwapIn(Process process)
    {
        var away = process.Away!;
        // Held while room is made: what the cache still has of it needs none.
        using var found = Core.Kv.Create(away.Tokens, away.Domain);
        var blocks = found.BlocksToAppend(away.Tokens.Length - found.Length);
        if (!MakeRoom(process, blocks) || !Charge(process, blocks))
            return false;
        if (_parts.IsReplay)
        {
            process.Sequence = Core.Kv.Create(away.Tokens, away.Domain);
            if (Recorded<SwappedIn>(process) is { IsWhole: true })
            {
                process.Sequence.Append(away.Tokens.AsSpan(process.Sequence.Length));
                process.Sequence.Computed();
            }
        }
        else
        {
            process.Sequence = _parts.Swap!.In(away);
        }

        process.Away = null;
        var isWhole = process.Sequence.Length == away.Tokens.Length;
        if (!isWhole)
            Return(process, blocks);
        Emit(new SwappedIn(process.Pid.Number, isWhole), isInput: true);
        return true;
    }

    private T? Recorded<T>(Process process) where T : KernelEvent
    {
        var found = _recorded.OfType<T>().FirstOrDefault(e => e.Pid == process.Pid.Number);
        if (found is not null)
            _recorded.Remove(found);
        return found;
    }

    private static void FreeKeys(Process process)
    {
        process.Sequence?.Dispose();
        if (process.Away is { } away)
            KvSwap.Drop(away);
        (process.Sequence, process.Away) = (null, null);
        process.Budget.Return(Resource.KvBytes, process.KvBytes);
        process.KvBytes = 0;
    }
}
