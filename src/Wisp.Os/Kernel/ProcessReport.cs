namespace Wisp.Kernel;

/// <summary>What a process has used.</summary>
/// <param name="PrefillTokens">Prompt tokens that the model read.</param>
/// <param name="ReusedTokens">Prompt tokens whose keys and values were there already.</param>
/// <param name="DecodeTokens">Tokens written.</param>
/// <param name="Calls">System calls.</param>
/// <param name="KvOwn">KV blocks that it alone holds.</param>
/// <param name="KvShared">KV blocks that others hold too.</param>
public readonly record struct Usage(
    long PrefillTokens, long ReusedTokens, long DecodeTokens, long Calls, int KvOwn, int KvShared);

/// <summary>A process as it is shown: by ps and top, and in /proc.</summary>
public sealed record ProcessReport
{
    public required Pid Pid { get; init; }

    public required Pid Parent { get; init; }

    public required Pid Group { get; init; }

    public required string Name { get; init; }

    public required ProcessState State { get; init; }

    /// <summary>What it waits for, where it does.</summary>
    public string Why { get; init; } = "";

    public required Usage Usage { get; init; }

    /// <summary>The call it made last, or is at.</summary>
    public string LastCall { get; init; } = "";

    public Scheduling.SchedulingClass Class { get; init; }

    public double Weight { get; init; } = 1;

    /// <summary>Tokens that it and all below it may write; null is without end.</summary>
    public long? TokensMax { get; init; }

    /// <summary>Its capabilities; the index is the handle.</summary>
    public IReadOnlyList<Capability> Handles { get; init; } = [];
}
