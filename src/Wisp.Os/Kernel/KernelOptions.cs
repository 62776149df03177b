using Wisp.Kernel.Budgets;
using Wisp.Kernel.Scheduling;

namespace Wisp.Kernel;

/// <summary>How a kernel runs its processes.</summary>
public sealed record KernelOptions
{
    public SchedulingOptions Scheduling { get; init; } = SchedulingOptions.Default;

    /// <summary>Processes in one step of the model.</summary>
    public int Slots { get; init; } = 32;

    /// <summary>Limits of everything together.</summary>
    public IReadOnlyDictionary<Resource, Limit> Limits { get; init; } = new Dictionary<Resource, Limit>();

    /// <summary>How long a driver may take.</summary>
    public TimeSpan CallDeadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Tokens for the last words after TERM.</summary>
    public int LastWords { get; init; } = 64;

    /// <summary>After so many equal calls with equal results in a row a person is asked.</summary>
    public int Repeats { get; init; } = 4;

    /// <summary>Processor time that one call of a tool may take.</summary>
    public long ToolCpuMilliseconds { get; init; } = 60_000;

    /// <summary>Memory that one call of a tool may take, in bytes.</summary>
    public long ToolBytes { get; init; } = 1L << 30;

    /// <summary>
    /// Whether drivers run on the kernel's own thread: exact and quick, but one that hangs hangs the kernel. For
    /// simulations, whose drivers are known.
    /// </summary>
    public bool InlineDrivers { get; init; }

    /// <summary>What the journal calls the program.</summary>
    public string Program { get; init; } = "wisp";
}
