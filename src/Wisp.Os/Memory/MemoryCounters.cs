namespace Wisp.Memory;

/// <summary>What an address space has done so far.</summary>
public sealed record MemoryCounters
{
    /// <summary>Prompts that were made.</summary>
    public int Turns { get; init; }

    /// <summary>Times that pages were put away; each costs one reading of what stands behind the first.</summary>
    public int Evictions { get; init; }

    public int PagesEvicted { get; init; }

    /// <summary>Pages brought in because the model named them, or a call asked for them.</summary>
    public int Faults { get; init; }

    /// <summary>Pages brought in because a message spoke of them.</summary>
    public int Prefetched { get; init; }

    /// <summary>Names of pages that are none of this address space.</summary>
    public int UnknownNames { get; init; }

    /// <summary>Answers that needed a page which was not there, where somebody who knows has said so.</summary>
    public int MissedFaults { get; init; }

    /// <summary>Pages that thrashed.</summary>
    public int Thrashed { get; init; }

    /// <summary>Tokens of all prompts, and how many of them stood as they had in the prompt before.</summary>
    public long PromptTokens { get; init; }

    public long StableTokens { get; init; }
}

/// <summary>A page as it is shown, in /proc/PID/context.</summary>
public sealed record PageReport(
    Page Page, Residency Residency, bool IsPinned, int LastUse, double Attention, PageId? NamedBy);
