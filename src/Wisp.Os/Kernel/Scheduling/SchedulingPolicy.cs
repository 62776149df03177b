namespace Wisp.Kernel.Scheduling;

/// <summary>In what order processes get the model.</summary>
public enum SchedulingPolicy
{
    /// <summary>In the order of arrival, each until its turn is over.</summary>
    Fifo,

    /// <summary>A quantum each, in a circle.</summary>
    RoundRobin,

    /// <summary>By class, in a circle within one; who waits long rises.</summary>
    Priority,

    /// <summary>
    /// By class, then by virtual time: tokens over weight. Demers, Keshav and Shenker 1989, "Analysis and Simulation of
    /// a Fair Queueing Algorithm"; on tokens Sheng et al. 2024, arXiv:2401.00588.
    /// </summary>
    FairQueueing,

    /// <summary>
    /// By class, then whoever has had least: short runs pass long ones without knowing their length. Luo et al. 2025,
    /// "Autellix", arXiv:2502.13965.
    /// </summary>
    LeastAttained,
}

/// <summary>Who goes before whom.</summary>
/// <remarks>The numbers stand in journals.</remarks>
public enum SchedulingClass
{
    Interactive = 0,
    Normal = 1,
    Batch = 2,
}

/// <summary>How processes take turns.</summary>
/// <param name="Policy">The order.</param>
/// <param name="Quantum">Cost in tokens after which a process goes to the end of its queue.</param>
/// <param name="AgingSteps">After so many steps of waiting a process counts as one class better, but for FIFO and
/// round-robin, which know no classes.</param>
public readonly record struct SchedulingOptions(SchedulingPolicy Policy, int Quantum, int AgingSteps)
{
    public static SchedulingOptions Default { get; } = new(SchedulingPolicy.FairQueueing, 16, 512);
}
