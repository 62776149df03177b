using System.Collections.Immutable;

namespace Wisp.Guard;

/// <summary>
/// Who may read a value: everyone, or these and nobody else. Immutable. The default is nobody, so that a value whose
/// label was forgotten goes nowhere.
/// </summary>
public readonly struct ReaderSet : IEquatable<ReaderSet>
{
    private readonly bool _isEveryone;
    private readonly ImmutableArray<string> _names;

    private ReaderSet(bool isEveryone, ImmutableArray<string> names) => (_isEveryone, _names) = (isEveryone, names);

    public static readonly ReaderSet Everyone = new(true, []);

    public static readonly ReaderSet Nobody;

    public bool IsEveryone => _isEveryone;

    /// <summary>Those who may read it; empty for nobody, and for everyone.</summary>
    public IReadOnlyList<string> Names => Values;

    private ImmutableArray<string> Values => _names.IsDefault ? [] : _names;

    public static ReaderSet Of(params ReadOnlySpan<string> names) =>
        new(false, Ordered.From(names, string.CompareOrdinal));

    public ReaderSet Intersect(ReaderSet other) =>
        IsEveryone ? other : other.IsEveryone ? this
        : new ReaderSet(false, Ordered.Intersect(Values, other.Values, string.CompareOrdinal));

    public bool IsSubsetOf(ReaderSet other) =>
        other.IsEveryone || (!IsEveryone && Ordered.Includes(other.Values, Values, string.CompareOrdinal));

    public bool Equals(ReaderSet other) =>
        IsEveryone == other.IsEveryone && Values.AsSpan().SequenceEqual(other.Values.AsSpan());

    public override bool Equals(object? obj) => obj is ReaderSet other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(IsEveryone, Ordered.Hash(Values));

    public override string ToString() =>
        IsEveryone ? "everyone" : Values.IsEmpty ? "nobody" : string.Join(", ", Values);

    public static bool operator ==(ReaderSet left, ReaderSet right) => left.Equals(right);

    public static bool operator !=(ReaderSet left, ReaderSet right) => !left.Equals(right);
}
