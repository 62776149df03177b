namespace Wisp.Memory;

/// <summary>The order of a prompt: what changes least stands first.</summary>
internal enum Segment
{
    Instructions,
    Tools,
    Summaries,
    Log,
    Tail,
}

/// <summary>How a page stands at a place of the prompt.</summary>
internal enum SlotForm
{
    /// <summary>Its text, where it was said.</summary>
    Body,

    /// <summary>Its line.</summary>
    Stub,

    /// <summary>Its text, where it was brought back: at the end of the log, so that nothing before is read again.
    /// </summary>
    Mapped,
}

/// <summary>A place of the prompt. Slots do not change; another one takes their place.</summary>
internal sealed record Slot(PageEntry Entry, SlotForm Form, PromptPart Part)
{
    public int Tokens => Part.Tokens.Length;
}

/// <summary>What an address space knows of one of its pages.</summary>
internal sealed class PageEntry(Page page)
{
    public Page Page { get; } = page;

    /// <summary>Pins by request; above 0 the page stays.</summary>
    public int Pins { get; set; }

    /// <summary>Thrashing keeps it until this turn.</summary>
    public int KeptUntil { get; set; } = -1;

    /// <summary>The turn in which it was last said, brought in or looked at.</summary>
    public int LastUse { get; set; }

    /// <summary>Attention paid to it, in units of the average token's; it fades by half each time.</summary>
    public double Mass { get; set; }

    /// <summary>The turns of its last faults.</summary>
    public List<int> Faults { get; init; } = [];

    /// <summary>The summary that names it, when nothing in the log does.</summary>
    public PageId? NamedBy { get; set; }

    public PageEntry Copy() => new(Page)
    {
        Pins = Pins, KeptUntil = KeptUntil, LastUse = LastUse, Mass = Mass, Faults = [.. Faults], NamedBy = NamedBy,
    };
}
