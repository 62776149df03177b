namespace Wisp.Kernel.Scheduling;

/// <summary>
/// What is divided fairly: a process, or all branches of one that thinks. Its weight is shared by whatever runs in it.
/// </summary>
public sealed class Share
{
    public double Weight
    {
        get;
        set => field = value is > 0 and <= 1e6 ? value
            : throw new ArgumentOutOfRangeException(nameof(value), $"A weight is {value}; it must be above 0.");
    } = 1;

    /// <summary>Tokens over weight, and a lead for having been away.</summary>
    public double VirtualTime { get; internal set; }

    /// <summary>Cost in tokens that it has had.</summary>
    public long Attained { get; internal set; }

    /// <summary>Runnables that are queued.</summary>
    internal int Queued { get; set; }

    /// <summary>Slots that were given to it in the step being planned.</summary>
    internal int Given { get; set; }
}

/// <summary>A process as the scheduler sees it.</summary>
public sealed class Runnable(Pid pid, Share share, SchedulingClass schedulingClass)
{
    public Pid Pid { get; } = pid;

    public Share Share { get; } = share;

    public SchedulingClass Class { get; set; } = schedulingClass;

    public bool IsQueued { get; internal set; }

    /// <summary>Steps since it was queued or had its last turn.</summary>
    public long Waited { get; internal set; }

    internal long Place { get; set; } // in the circle, or of arrival
    internal long QuantumLeft { get; set; }
    internal bool KeepsSlot { get; set; }
    internal long PickedAt { get; set; }
}
