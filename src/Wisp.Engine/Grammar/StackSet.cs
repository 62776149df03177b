namespace Wisp.Grammar;

/// <summary>
/// All stacks that a text so far may have led to, as one immutable value: the top frames, and below each again a set.
/// Equal sets are one object, so a set is also a state of the automaton, and forking a text copies one reference.
/// </summary>
/// <remarks>
/// Frames with equal tops share what is below (Tomita 1985, graph-structured stacks), so the number of frames grows
/// with the grammar and the depth and not with the number of derivations. On top, frames are places of steps that take
/// a character or a token; below, places to go on from, with the count of a repetition.
/// </remarks>
internal sealed class StackSet : IEquatable<StackSet>
{
    private readonly long[] _frames; // place and count, ascending
    private readonly StackSet[] _below;
    private readonly int _hash;

    public StackSet(long[] frames, StackSet[] below, bool canEnd)
    {
        (_frames, _below, CanEnd) = (frames, below, canEnd);
        var hash = new HashCode();
        hash.Add(canEnd);
        for (var i = 0; i < frames.Length; i++)
        {
            hash.Add(frames[i]);
            hash.Add(below[i]._hash);
            Depth = Math.Max(Depth, below[i].Depth + 1);
        }

        _hash = hash.ToHashCode();
    }

    /// <summary>Whether the empty stack is among them.</summary>
    public bool CanEnd { get; }

    public int Depth { get; }

    public int Count => _frames.Length;

    public bool IsDead => Count == 0 && !CanEnd;

    public (int Place, int Count, StackSet Below) this[int index] =>
        ((int)(_frames[index] >> 32), (int)_frames[index], _below[index]);

    public ReadOnlySpan<long> Frames => _frames;

    public ReadOnlySpan<StackSet> Below => _below;

    /// <summary>
    /// What <see cref="StackTable"/> and <see cref="TokenMask"/> remember of the set; null = nothing.
    /// </summary>
    public Memory? Remembered { get; set; }

    public static long Frame(int place, int count) => (long)place << 32 | (uint)count;

    public bool Equals(StackSet? other) => other is not null && _hash == other._hash && CanEnd == other.CanEnd
        && _frames.AsSpan().SequenceEqual(other._frames) && SameBelow(other);

    public override bool Equals(object? obj) => Equals(obj as StackSet);

    public override int GetHashCode() => _hash;

    // What is below is shared already, so its identity is enough.
    private bool SameBelow(StackSet other)
    {
        for (var i = 0; i < _below.Length; i++)
            if (!ReferenceEquals(_below[i], other._below[i]))
                return false;
        return true;
    }

    /// <summary>Results that can be computed again.</summary>
    internal sealed class Memory
    {
        public StackSet?[]? NextOfAtom { get; set; }

        public Dictionary<ulong, StackSet> NextOfTakers { get; } = [];

        public Dictionary<int, StackSet>? NextOfRareAtom { get; set; }

        public StackSet? Clamped { get; set; }

        public ulong[]? Allowed { get; set; }
    }
}
