namespace Wisp.Kernel.Budgets;

/// <summary>What is budgeted. Used up, but for the last three, which are held and given back.</summary>
/// <remarks>The numbers stand in journals.</remarks>
public enum Resource
{
    PrefillTokens = 0,
    DecodeTokens = 1,

    /// <summary>Time that a process is there and does not wait for a person.</summary>
    WallMilliseconds = 2,

    ToolCalls = 3,
    ToolCpuMilliseconds = 4,

    /// <summary>Millionths of the unit that prices are in.</summary>
    MicroMoney = 5,

    /// <summary>Memory of a tool's processes while they run.</summary>
    ToolBytes = 6,

    /// <summary>Keys and values that were computed for the process and are held.</summary>
    KvBytes = 7,

    /// <summary>Processes that are not reaped.</summary>
    Children = 8,
}

/// <summary>Where to pause and ask, and where to refuse; null is nowhere.</summary>
public readonly record struct Limit(long? High, long? Max)
{
    public static Limit None => default;
}
