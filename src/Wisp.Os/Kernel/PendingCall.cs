using Wisp.Kernel.Budgets;

namespace Wisp.Kernel;

/// <summary>Where a call of a turn stands.</summary>
internal enum CallStage
{
    /// <summary>Not begun.</summary>
    New,

    /// <summary>A person is asked.</summary>
    Asking,

    /// <summary>The intent is in the journal; whether the effect happened is not known here.</summary>
    Intended,

    /// <summary>The driver has it, or the kernel waits for what the call waits for.</summary>
    Flying,

    Done,
}

/// <summary>
/// A call that a turn made. Calls of a turn are done one after the other, in the order they were written.
/// </summary>
/// <param name="number">Of the process, from 1 on; never used again.</param>
/// <param name="call">Null where what was written is no call.</param>
internal sealed class PendingCall(int number, Syscall? call, string written)
{
    public int Number { get; } = number;

    public Syscall? Call { get; } = call;

    /// <summary>What the model wrote, for messages.</summary>
    public string Written { get; } = written;

    public CallStage Stage { get; set; }

    public SysResult? Result { get; set; }

    /// <summary>A person agreed to it; asked no second time.</summary>
    public bool IsApproved { get; set; }

    public CancellationTokenSource? Cancel { get; set; }

    /// <summary>Tool calls and the like that are set aside while it flies.</summary>
    public List<(Resource Resource, long Amount)> Reserved { get; } = [];

    /// <summary>The child that a wait waits for, or the time that a sleep ends.</summary>
    public Pid Child { get; set; }

    public DateTimeOffset? Due { get; set; }
}
