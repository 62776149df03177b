using System.Collections.Immutable;

namespace Wisp.Guard;

/// <summary>
/// Where the parts of a value came from: immutable, in order, each once. The default is the empty set.
/// </summary>
public readonly struct SourceSet : IEquatable<SourceSet>
{
    private readonly ImmutableArray<Source> _items;

    private SourceSet(ImmutableArray<Source> items) => _items = items;

    public IReadOnlyList<Source> Items => Values;

    public bool IsEmpty => Values.IsEmpty;

    private ImmutableArray<Source> Values => _items.IsDefault ? [] : _items;

    public static SourceSet Of(params ReadOnlySpan<Source> sources) => new(Ordered.From(sources, Source.Compare));

    public SourceSet Union(SourceSet other) =>
        Ordered.Union(Values, other.Values, Source.Compare) is var all && all == _items
        ? this : new SourceSet(all);

    public bool IsSubsetOf(SourceSet other) => Ordered.Includes(other.Values, Values, Source.Compare);

    public bool Equals(SourceSet other) => Values.AsSpan().SequenceEqual(other.Values.AsSpan());

    public override bool Equals(object? obj) => obj is SourceSet other && Equals(other);

    public override int GetHashCode() => Ordered.Hash(Values);

    public override string ToString() => string.Join(", ", Values);

    public static bool operator ==(SourceSet left, SourceSet right) => left.Equals(right);

    public static bool operator !=(SourceSet left, SourceSet right) => !left.Equals(right);
}
