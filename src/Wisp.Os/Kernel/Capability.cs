namespace Wisp.Kernel;

/// <summary>
/// A right that a process holds, by handle. Handles are numbers in a table of the kernel's, so a model can name one and
/// never make one. It can only be passed on narrowed.
/// </summary>
public sealed record Capability
{
    /// <summary>A path, or a path and "/**": that path and all below it.</summary>
    public required string Pattern { get; init; }

    public required Right Rights { get; init; }

    /// <summary>How often it may still be used; null is without end.</summary>
    public int? Uses { get; init; }

    /// <summary>When it ends; null is never.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Whether a person is asked at every use.</summary>
    public bool Asks { get; init; }

    /// <summary>Whether it may be handed to a child.</summary>
    public bool Delegable { get; init; } = true;

    /// <summary>Whether it holds for processes that have read what neither the user nor our program wrote.</summary>
    public bool WhenTainted { get; init; } = true;

    /// <summary>
    /// For the arguments of a tool: members of the JSON object and the values that each may have. A member that stands
    /// here must be there.
    /// </summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Arguments { get; init; } =
        System.Collections.Frozen.FrozenDictionary<string, IReadOnlyList<string>>.Empty;

    private bool IsTree => Pattern.EndsWith("/**", StringComparison.Ordinal);

    private string Root => IsTree ? Pattern[..^3] : Pattern;

    /// <summary>Whether it is about this path.</summary>
    public bool Covers(string path) => path == Root
        || (IsTree && path.Length > Root.Length && path[Root.Length] == '/'
            && path.StartsWith(Root, StringComparison.Ordinal));

    /// <summary>Whether whatever this one allows the other allows too.</summary>
    public bool IsWithin(Capability other) =>
        other.Covers(Root) && (!IsTree || other.IsTree)
        && (Rights & ~other.Rights) == 0
        && (other.Uses is null || Uses <= other.Uses)
        && (other.Until is null || Until <= other.Until)
        && (Asks || !other.Asks)
        && (!Delegable || other.Delegable)
        && (!WhenTainted || other.WhenTainted)
        && other.Arguments.All(rule => Arguments.TryGetValue(rule.Key, out var values)
            && values.All(rule.Value.Contains));
}
