using System.Text.Json.Serialization;
using Wisp.Kernel.Budgets;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Scheduling;

namespace Wisp.Kernel.Events;

/// <summary>
/// Something that has happened. The state of the kernel is what its events make of it, one after the other; a journal
/// is their list. Names and members stand in journals: what is added later must have a default.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "event")]
[JsonDerivedType(typeof(Booted), "booted")]
[JsonDerivedType(typeof(Spawned), "spawned")]
[JsonDerivedType(typeof(Forked), "forked")]
[JsonDerivedType(typeof(Execed), "execed")]
[JsonDerivedType(typeof(Said), "said")]
[JsonDerivedType(typeof(Turned), "turned")]
[JsonDerivedType(typeof(Faulted), "faulted")]
[JsonDerivedType(typeof(SwappedOut), "swapped")]
[JsonDerivedType(typeof(SwappedIn), "restored")]
[JsonDerivedType(typeof(Intended), "intended")]
[JsonDerivedType(typeof(Returned), "returned")]
[JsonDerivedType(typeof(Probed), "probed")]
[JsonDerivedType(typeof(Asked), "asked")]
[JsonDerivedType(typeof(Answered), "answered")]
[JsonDerivedType(typeof(Signalled), "signalled")]
[JsonDerivedType(typeof(Reniced), "reniced")]
[JsonDerivedType(typeof(Limited), "limited")]
[JsonDerivedType(typeof(Exited), "exited")]
[JsonDerivedType(typeof(Reaped), "reaped")]
public abstract record KernelEvent(int Pid);

/// <summary>A kernel began with what stands before this; half a turn that was under way is taken again.</summary>
/// <param name="Model">What the model is called.</param>
/// <param name="Blocks">KV blocks, with Context and Rows what a replay needs to make the same steps.</param>
public sealed record Booted(
    string Program, string Model, int Blocks, int Context, int Rows, KernelOptions Options) : KernelEvent(0)
{
    /// <summary>Whether processes that name no model are asked for turns too, and none is stepped.</summary>
    public bool AsksAll { get; init; }
}

public sealed record Spawned(int Pid, int Parent, int Group, SpawnRequest Request) : KernelEvent(Pid);

/// <summary>A copy of a process: its memory, its capabilities; and a message of its own.</summary>
public sealed record Forked(int Pid, int Parent, string Name, string Message, string Label) : KernelEvent(Pid)
{
    /// <summary>Whether the user made it, so that nobody but init waits for its end.</summary>
    public bool IsUsers { get; init; }
}

/// <summary>Other instructions and an empty memory under the same number.</summary>
public sealed record Execed(int Pid, string Name, string Instructions, string Message) : KernelEvent(Pid);

public sealed record Said(int Pid, string Text, string Label) : KernelEvent(Pid);

/// <summary>A turn of the model.</summary>
/// <param name="Computed">Prompt tokens that went through the model.</param>
/// <param name="Reused">Prompt tokens that were in memory.</param>
/// <param name="Wall">Milliseconds of the process so far.</param>
/// <param name="Cut">Whether it was ended from outside.</param>
public sealed record Turned(int Pid, int[] Tokens, string Text, int Computed, int Reused, long Wall, bool Cut)
    : KernelEvent(Pid)
{
    /// <summary>Tokens that a chat client wrote, which are not known.</summary>
    public int Written { get; init; }

    /// <summary>The calls of a model that was offered functions; null where they stand in the text.</summary>
    public WrittenCall[]? Calls { get; init; }

    public long MicroMoney { get; init; }

    /// <summary>What each KV block was paid in the turn, where the model measures it.</summary>
    public float[]? Attention { get; init; }
}

/// <summary>A turn that named what was not resident, and is void.</summary>
public sealed record Faulted(int Pid, int[] Tokens, string Text, int Computed, int Reused) : KernelEvent(Pid)
{
    /// <summary>As of a turn.</summary>
    public float[]? Attention { get; init; }
}

/// <summary>
/// Its keys and values went to a file, which was the cheaper way by what the disk and the model had done so far.
/// </summary>
public sealed record SwappedOut(int Pid, int Tokens) : KernelEvent(Pid);

/// <summary>They came back.</summary>
/// <param name="IsWhole">Whether the file was as it had been written; else what it held is read by the model again.
/// </param>
public sealed record SwappedIn(int Pid, bool IsWhole) : KernelEvent(Pid);

/// <summary>A driver is about to be called.</summary>
public sealed record Intended(int Pid, int Call, string Key, string Name, string Path, string Body, Effect Class)
    : KernelEvent(Pid);

public sealed record Returned(int Pid, int Call, SysStatus Status, string Text, string Label, Extent[] Extents)
    : KernelEvent(Pid)
{
    public long CpuMilliseconds { get; init; }

    public long MicroMoney { get; init; }
}

/// <summary>What a driver said about a call that was in doubt, where it did not say that it is done.</summary>
public sealed record Probed(int Pid, int Call, ProbeAnswer Answer) : KernelEvent(Pid);

/// <summary>A person is asked.</summary>
/// <param name="Amount">Of a budget: what is wanted.</param>
public sealed record Asked(int Pid, int Ask, int Call, AskKind Kind, string Text, Resource? Resource, long Amount)
    : KernelEvent(Pid);

/// <param name="Text">What was answered to a question.</param>
/// <param name="Uses">How often the same call may be made without asking again, this one included.</param>
public sealed record Answered(int Pid, int Ask, bool Yes, string Text, int Uses) : KernelEvent(Pid);

public sealed record Signalled(int Pid, Signal Signal) : KernelEvent(Pid);

public sealed record Reniced(int Pid, SchedulingClass Class, double Weight) : KernelEvent(Pid);

public sealed record Limited(int Pid, Resource Resource, long? High, long? Max) : KernelEvent(Pid);

public sealed record Exited(int Pid, int Code, string Reason) : KernelEvent(Pid);

public sealed record Reaped(int Pid) : KernelEvent(Pid);

/// <summary>What a person is asked.</summary>
/// <remarks>The numbers stand in journals.</remarks>
public enum AskKind
{
    /// <summary>Whether a call may be made.</summary>
    Call = 0,

    /// <summary>Whether a budget may go past its mark.</summary>
    Budget = 1,

    /// <summary>Whether a call happened before the machine died.</summary>
    Doubt = 2,

    /// <summary>What the process wants to know.</summary>
    Question = 3,

    /// <summary>Whether a process that repeats itself may go on.</summary>
    Repeat = 4,
}

/// <summary>An event with its place.</summary>
/// <param name="Sequence">From 1 on, without gaps.</param>
/// <param name="Tick">The kernel's step in which it happened.</param>
/// <param name="Time">Milliseconds since 1970, UTC.</param>
/// <param name="IsInput">Whether it came from outside, and not from what stood before.</param>
public sealed record JournalEntry(long Sequence, long Tick, long Time, bool IsInput, KernelEvent Event);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(KernelEvent))]
internal sealed partial class EventJson : JsonSerializerContext;
