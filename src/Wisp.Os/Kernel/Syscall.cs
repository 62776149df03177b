namespace Wisp.Kernel;

/// <summary>
/// A request of a process, parsed and typed. The gate is the only way to have it done, and takes it through, in this
/// order: capability, labels, budget reservation, approval, journal (intent), driver, journal (result), labels.
/// </summary>
/// <param name="Pid">Who asks.</param>
/// <param name="Needs">The right that a capability over <see cref="Path"/> must give.</param>
/// <param name="Class">What a second time would do.</param>
public abstract record Syscall(Pid Pid, Right Needs, Effect Class)
{
    /// <summary>Its name in traces and journals, such as fs.read.</summary>
    public abstract string Name { get; }

    /// <summary>What it is about, as an absolute path of the one tree: capabilities cover paths.</summary>
    public abstract string Path { get; }

    /// <summary>What it brings along: the text to write, the query, the arguments of a tool as JSON.</summary>
    public virtual string Body => "";
}

/// <summary>A verb on a path: all that mounts, tools and devices can be asked.</summary>
public sealed record DriverSyscall(Pid Pid, Verb Verb, string At, string Argument, Effect Class)
    : Syscall(Pid, RightOf(Verb), Class)
{
    public override string Name => Verb switch
    {
        Verb.List => "fs.list",
        Verb.Stat => "fs.stat",
        Verb.Read => "fs.read",
        Verb.Write => "fs.write",
        Verb.Search => "fs.search",
        _ => "tool.call",
    };

    public override string Path => At;

    public override string Body => Argument;

    public static Right RightOf(Verb verb) => (Right)(1 << (int)verb);
}
