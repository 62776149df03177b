namespace Wisp.Kernel;

/// <summary>The number of a process. Numbers are never used twice within a journal.</summary>
public readonly record struct Pid(int Number)
{
    /// <summary>The user and the kernel itself: no process, the parent of those that a person starts.</summary>
    public static Pid None => default;

    public override string ToString() => $"{Number}";
}
