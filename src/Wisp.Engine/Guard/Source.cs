namespace Wisp.Guard;

/// <summary>What kind of origin a value has. The numbers are stored: none is ever given to another kind.</summary>
public enum SourceKind
{
    User = 0,
    Kernel = 1,
    Tool = 2,
    Web = 3,
    File = 4,
    Model = 5,
    Peer = 6,
}

/// <summary>Where a value came from.</summary>
/// <param name="Name">The tool, origin, path, model or agent; empty for the user and the kernel.</param>
/// <param name="Inner">What the tool itself named as its source, or empty.</param>
public readonly record struct Source(SourceKind Kind, string Name = "", string Inner = "")
{
    public static readonly Source User = new(SourceKind.User);

    public static readonly Source Kernel = new(SourceKind.Kernel);

    public static Source Tool(string name, string inner = "") => new(SourceKind.Tool, name, inner);

    public static Source Web(string origin) => new(SourceKind.Web, origin);

    public static Source File(string path) => new(SourceKind.File, path);

    public static Source Model(string id) => new(SourceKind.Model, id);

    public static Source Peer(string agent) => new(SourceKind.Peer, agent);

    internal static int Compare(Source a, Source b) =>
        a.Kind != b.Kind ? a.Kind.CompareTo(b.Kind)
        : string.CompareOrdinal(a.Name, b.Name) is not 0 and var byName ? byName
        : string.CompareOrdinal(a.Inner, b.Inner);

    public override string ToString() =>
        Kind.ToString().ToLowerInvariant() + (Name.Length == 0 ? "" : $":{Name}")
        + (Inner.Length == 0 ? "" : $"/{Inner}");
}
