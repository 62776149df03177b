using Wisp.Guard;

namespace Wisp.Kernel;

/// <summary>How a call ended.</summary>
/// <remarks>The numbers stand in journals.</remarks>
public enum SysStatus
{
    Ok = 0,

    /// <summary>No capability of the process covers it.</summary>
    Denied = 1,

    /// <summary>A person said no.</summary>
    Refused = 2,

    /// <summary>A budget over the process does not hold what it would cost.</summary>
    OverBudget = 3,

    NotFound = 4,

    /// <summary>The arguments are no arguments.</summary>
    Malformed = 5,

    /// <summary>The driver did not answer before the deadline.</summary>
    TimedOut = 6,

    /// <summary>The driver failed, or said something that cannot be.</summary>
    Failed = 7,

    /// <summary>The process was killed meanwhile.</summary>
    Cancelled = 8,
}

/// <summary>
/// A piece of a source that an answer was made from: bytes From to To (exclusive) of what the URI names.
/// </summary>
public readonly record struct Extent(string Uri, long From, long To);

/// <summary>What a process gets back. Text is for the model; whatever decides something reads the status.</summary>
public sealed record SysResult(SysStatus Status, string Text, Label Label)
{
    /// <summary>Where the text can be read again, to be cited.</summary>
    public IReadOnlyList<Extent> Extents { get; init; } = [];

    /// <summary>Processor time of the tool's processes.</summary>
    public long CpuMilliseconds { get; init; }

    /// <summary>What it cost, in millionths of the unit of money.</summary>
    public long MicroMoney { get; init; }

    public bool IsOk => Status == SysStatus.Ok;
}
