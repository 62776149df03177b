using Wisp.Kernel.Budgets;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Scheduling;
using Wisp.Memory;
using Wisp.Run;

namespace Wisp.Kernel;

/// <summary>How a process ended.</summary>
/// <param name="Code">0 is well; 128 + the signal's number after a signal; 1 for everything else.</param>
/// <param name="Answer">What it said last.</param>
public sealed record ProcessExit(int Code, string Reason, string Answer);

/// <summary>A process: an agent's run, with all that belongs to it.</summary>
internal sealed class Process
{
    // Every edge there is. Dead has none.
    private static readonly Dictionary<ProcessState, ProcessState[]> s_edges = new()
    {
        [ProcessState.New] = [ProcessState.Ready, ProcessState.Blocked, ProcessState.Stopped, ProcessState.Zombie],
        [ProcessState.Ready] =
            [ProcessState.Running, ProcessState.Blocked, ProcessState.Stopped, ProcessState.Zombie],
        [ProcessState.Running] =
            [ProcessState.Ready, ProcessState.Blocked, ProcessState.Stopped, ProcessState.Zombie],
        [ProcessState.Blocked] =
            [ProcessState.Ready, ProcessState.Stopped, ProcessState.Swapped, ProcessState.Zombie],
        [ProcessState.Stopped] =
            [ProcessState.Ready, ProcessState.Blocked, ProcessState.Swapped, ProcessState.Zombie],
        [ProcessState.Swapped] =
            [ProcessState.Ready, ProcessState.Blocked, ProcessState.Stopped, ProcessState.Zombie],
        [ProcessState.Zombie] = [ProcessState.Dead],
        [ProcessState.Dead] = [],
    };

    public required Pid Pid { get; init; }

    public required Pid Parent { get; set; }

    public required Pid Group { get; init; }

    public required SpawnRequest Request { get; set; }

    public required AddressSpace Space { get; set; }

    public required Budget Budget { get; init; }

    public required Runnable Runnable { get; init; }

    public ProcessState State { get; private set; }

    /// <summary>What it waits for.</summary>
    public string Why { get; private set; } = "";

    public List<Grant> Grants { get; } = [];

    public Dictionary<int, Pid> Children { get; } = [];

    public ProcessExit? Exit { get; set; }

    /// <summary>What it said last.</summary>
    public string Answer { get; set; } = "";

    public string LastCall { get; set; } = "";

    // The turn that the model is at.

    public KvSequence? Sequence { get; set; }

    /// <summary>Its keys and values while they are in a file.</summary>
    public SwappedSequence? Away { get; set; }

    public StepJob? Turn { get; set; }

    /// <summary>What the sequence must hold before the turn's first token.</summary>
    public int[] Wanted { get; set; } = [];

    public int Turns { get; set; }

    /// <summary>Turns in a row that were void because they named what was not resident.</summary>
    public int Faults { get; set; }

    /// <summary>Prompt tokens computed and found in this turn.</summary>
    public (int Computed, int Reused) Prefill { get; set; }

    public long KvBytes { get; set; }

    /// <summary>Tokens of this turn that the budget has granted already.</summary>
    public int TurnDecoded { get; set; }

    public int TurnComputed { get; set; }

    /// <summary>Milliseconds that it was there and did not wait for a person.</summary>
    public long Wall { get; set; }

    // The turn that was taken and whose calls are not all done.

    public PromptPart? Taken { get; set; }

    public List<PendingCall> Calls { get; } = [];

    public int CallNumber { get; set; }

    public (string Call, string Result, int Times) Repeats { get; set; }

    /// <summary>Messages that came while a turn was under way.</summary>
    public List<(PromptRole Role, string Text, Guard.Label Label)> Mail { get; } = [];

    /// <summary>A turn that a model was asked for.</summary>
    public RemoteTurn? Asking { get; set; }

    /// <summary>A model of its own, which no crash survives.</summary>
    public AskedModel? Own { get; set; }

    /// <summary>What came since its last turn.</summary>
    public List<Heard> News { get; } = [];

    public bool IsStopping { get; set; } // by TERM: the next turn is the last

    public bool IsHeld { get; set; } // by STOP

    public bool WasWarned { get; set; } // by XCPU

    public long PrefillTokens { get; set; }

    public long ReusedTokens { get; set; }

    public long DecodeTokens { get; set; }

    public long CallCount { get; set; }

    /// <summary>Its children are being ended, and then it.</summary>
    public bool IsEnding { get; set; }

    public bool IsOver => State is ProcessState.Zombie or ProcessState.Dead;

    /// <summary>Whether it has no turn under way and nothing to answer.</summary>
    public bool IsIdle { get; set; }

    public void Move(ProcessState to, string why = "")
    {
        if (State == to)
        {
            Why = why;
            return;
        }

        if (!s_edges[State].Contains(to))
            throw new InvalidOperationException($"Process {Pid} cannot go from {State} to {to}.");
        (State, Why) = (to, why);
    }

    public ProcessReport Report()
    {
        var own = Sequence?.OwnBlocks ?? 0;
        var shared = KvCache.BlocksFor(Sequence?.Length ?? 0) - own;
        return new ProcessReport
        {
            Pid = Pid, Parent = Parent, Group = Group, Name = Request.Name, State = State, Why = Why,
            // With those of the turn that is under way.
            Usage = new Usage(PrefillTokens + (Turn is null ? 0 : Prefill.Computed),
                ReusedTokens + (Turn is null ? 0 : Prefill.Reused), DecodeTokens + (Turn?.Written.Count ?? 0),
                CallCount, own, shared),
            Handles = [.. Grants.Where(grant => !grant.IsRevoked).Select(grant => grant.Capability)],
            LastCall = LastCall, Class = Runnable.Class, Weight = Runnable.Share.Weight,
            TokensMax = Budget.LimitOf(Resource.DecodeTokens).Max,
        };
    }
}
