namespace Wisp.Kernel;

/// <summary>One call as a driver sees it.</summary>
/// <param name="Key">Names this call and no other, also after a crash: what
/// <see cref="Driver.ProbeAsync"/> is asked about.</param>
/// <param name="Pid">For whom; its operating-system children belong to that process.</param>
/// <param name="Path">Below the place where the driver is mounted, beginning with a slash; without empty, "." or ".."
/// parts.</param>
/// <param name="Body">The text to write, the query, or the arguments of a tool as JSON.</param>
/// <param name="Label">Of everything the caller had read when it wrote the body.</param>
public sealed record DriverCall(string Key, Pid Pid, Verb Verb, string Path, string Body, Guard.Label Label)
{
    /// <summary>Processor time that a tool's processes may take.</summary>
    public TimeSpan CpuLimit { get; init; } = TimeSpan.MaxValue;

    /// <summary>Memory that a tool's processes may take.</summary>
    public long MemoryLimit { get; init; } = long.MaxValue;
}

/// <summary>What became of a call that was under way when the machine died.</summary>
public enum ProbeAnswer
{
    /// <summary>It happened; the result beside this answer is its result.</summary>
    Done,

    /// <summary>It did not happen and no longer will.</summary>
    NotDone,

    /// <summary>The driver cannot tell, so a person must.</summary>
    Unknown,
}

/// <summary>
/// Something that does what calls ask: a file system, a tool, a device. It is not trusted to be well: whatever it
/// throws becomes a failed call, and a call that outlives its deadline is abandoned.
/// </summary>
public abstract class Driver
{
    /// <summary>
    /// What making this call a second time would do. The default: writing is idempotent, calling a tool is not, and
    /// the rest reads.
    /// </summary>
    public virtual Effect ClassOf(Verb verb, string path) => verb switch
    {
        Verb.Call => Effect.Once,
        Verb.Write => Effect.Idempotent,
        _ => Effect.Pure,
    };

    /// <summary>
    /// Does it. A path that is not there is <see cref="SysStatus.NotFound"/>, arguments that cannot be are
    /// <see cref="SysStatus.Malformed"/>: results, not exceptions. Must end soon after it is cancelled.
    /// </summary>
    public abstract ValueTask<SysResult> CallAsync(DriverCall call, CancellationToken cancel);

    /// <summary>
    /// The most that a call may cost, in millionths of the unit of money; reserved before it is made.
    /// </summary>
    public virtual long MaxPrice(Verb verb, string path, string body) => 0;

    /// <summary>Whether a call of class Once with this key has happened, asked after a crash.</summary>
    /// <param name="call">The same as it was made with.</param>
    public virtual ValueTask<(ProbeAnswer Answer, SysResult? Result)> ProbeAsync(
        DriverCall call, CancellationToken cancel) =>
        ValueTask.FromResult<(ProbeAnswer, SysResult?)>((ProbeAnswer.Unknown, null));
}
