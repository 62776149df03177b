namespace Wisp.Kernel;

// Calls that the kernel answers itself. They change its own state and nothing else, so their intent needs no entry of
// its own: cause and result stand in the journal together or not at all.

/// <summary>Starts a child.</summary>
public sealed record SpawnSyscall(Pid Pid, SpawnRequest Request) : Syscall(Pid, Right.Spawn, Effect.Idempotent)
{
    public override string Name => "proc.spawn";

    public override string Path => "/proc";

    public override string Body => Request.Name;
}

/// <summary>Starts a child with a copy of the caller's memory.</summary>
public sealed record ForkSyscall(Pid Pid, string ChildName, string Message)
    : Syscall(Pid, Right.Spawn, Effect.Idempotent)
{
    public override string Name => "proc.fork";

    public override string Path => "/proc";

    public override string Body => ChildName;
}

/// <summary>Waits for the end of a child, and gets what it said last.</summary>
public sealed record WaitSyscall(Pid Pid, Pid Child) : Syscall(Pid, Right.None, Effect.Pure)
{
    public override string Name => "proc.wait";

    public override string Path => $"/proc/{Child}";
}

public sealed record KillSyscall(Pid Pid, Pid Target, Signal Signal)
    : Syscall(Pid, Right.Signal, Effect.Idempotent)
{
    public override string Name => "proc.kill";

    public override string Path => $"/proc/{Target}";

    public override string Body => Signal.ToString();
}

/// <summary>Asks the user.</summary>
public sealed record AskSyscall(Pid Pid, string Question) : Syscall(Pid, Right.Ask, Effect.Pure)
{
    public override string Name => "user.ask";

    public override string Path => "/dev/user";

    public override string Body => Question;
}

public sealed record SleepSyscall(Pid Pid, double Seconds) : Syscall(Pid, Right.None, Effect.Pure)
{
    public override string Name => "time.sleep";

    public override string Path => "/dev/clock";

    public override string Body => $"{Seconds}";
}
