using System.Text.Json.Serialization;
using Wisp.Kernel.Budgets;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Kernel.Scheduling;

namespace Wisp.Kernel.Remote;

/// <summary>What a client wants; one line of JSON.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<KernelOp>))]
public enum KernelOp
{
    Status,
    Ps,
    Asks,
    Spawn,
    Fork,
    Say,
    Signal,
    SignalGroup,
    Nice,
    Limit,
    Answer,

    /// <summary>A verb on a path, with the user's own rights.</summary>
    File,

    /// <summary>Waits for the end of a process.</summary>
    Wait,

    /// <summary>Sends events until the connection ends.</summary>
    Trace,

    /// <summary>
    /// Starts a process whose turns the client takes: the connection is its model's, gets its events, and takes it
    /// along when it ends.
    /// </summary>
    Lend,

    /// <summary>A turn that was asked of the client.</summary>
    Turn,
}

/// <summary>A request; members that an operation does not need are left out.</summary>
public sealed record KernelRequest(KernelOp Op)
{
    public int Pid { get; init; }

    public int Ask { get; init; }

    public bool Yes { get; init; }

    public int Uses { get; init; } = 1;

    public string Text { get; init; } = "";

    public string Path { get; init; } = "";

    public Verb Verb { get; init; } = Verb.Read;

    public Signal Signal { get; init; }

    public SchedulingClass Class { get; init; } = SchedulingClass.Normal;

    public double Weight { get; init; } = 1;

    public Resource Resource { get; init; }

    public Limit Limit { get; init; }

    public SpawnRequest? Spawn { get; init; }

    /// <summary>The number of the turn that was taken.</summary>
    public int Number { get; init; }

    /// <summary>Null where it failed; the text says why.</summary>
    public ChatTurn? Turn { get; init; }
}

/// <summary>A turn that the client's model is asked for.</summary>
public sealed record LentTurn(int Number, IReadOnlyList<Heard> News, ulong Seed, int Tokens, bool IsStopping);

/// <summary>What a kernel is doing.</summary>
public sealed record KernelStatus
{
    public string Model { get; init; } = "";

    public string Journal { get; init; } = "";

    public long Ticks { get; init; }

    public SchedulingPolicy Policy { get; init; }

    public int KvUsed { get; init; }

    public int KvIdle { get; init; }

    public int KvFree { get; init; }

    public long KvBlockBytes { get; init; }

    public double Seconds { get; init; }

    /// <summary>Tokens written since the start, those of ended processes too.</summary>
    public long DecodeTokens { get; init; }

    public long PrefillTokens { get; init; }

    public long ReusedTokens { get; init; }

    public long DecodeMax { get; init; } = -1;
}

/// <summary>The answer to a request; one line of JSON.</summary>
public sealed record KernelReply
{
    /// <summary>Why it was not done; null where it was.</summary>
    public string? Error { get; init; }

    public int Pid { get; init; }

    public string? Text { get; init; }

    public KernelStatus? Status { get; init; }

    public IReadOnlyList<ProcessReport>? Processes { get; init; }

    public IReadOnlyList<AskReport>? Asks { get; init; }

    public ProcessExit? Exit { get; init; }

    public JournalEntry? Entry { get; init; }

    public LentTurn? Turn { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(KernelRequest))]
[JsonSerializable(typeof(KernelReply))]
internal sealed partial class RemoteJson : JsonSerializerContext;
