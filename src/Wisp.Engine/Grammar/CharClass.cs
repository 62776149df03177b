namespace Wisp.Grammar;

/// <summary>A set of code points, as the ranges that it names, or as all but these.</summary>
internal sealed class CharClass : IEquatable<CharClass>
{
    public const int LastCodePoint = 0x10FFFF;

    private readonly (int First, int Last)[] _ranges; // ascending, apart from one another

    public CharClass(IEnumerable<(int First, int Last)> ranges, bool negated = false)
    {
        var merged = new List<(int First, int Last)>();
        foreach (var (first, last) in ranges.Where(r => r.First <= r.Last).OrderBy(r => r.First))
        {
            if (merged.Count > 0 && first <= merged[^1].Last + 1)
                merged[^1] = (merged[^1].First, Math.Max(merged[^1].Last, last));
            else
                merged.Add((first, last));
        }

        _ranges = [.. merged];
        Negated = negated;
    }

    /// <summary>Every code point: what <c>.</c> stands for.</summary>
    public static CharClass Any { get; } = new([], negated: true);

    public bool Negated { get; }

    public ReadOnlySpan<(int First, int Last)> Ranges => _ranges;

    public static CharClass Of(int codePoint) => new([(codePoint, codePoint)]);

    public static CharClass Of(string characters) => new(characters.EnumerateRunes().Select(r => (r.Value, r.Value)));

    /// <summary>Whether no character is in it.</summary>
    public bool IsEmpty => Positive().All(r => r.First >= 0xD800 && r.Last <= 0xDFFF);

    public bool Contains(int codePoint)
    {
        var (low, high) = (0, _ranges.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (codePoint < _ranges[middle].First)
                high = middle - 1;
            else if (codePoint > _ranges[middle].Last)
                low = middle + 1;
            else
                return !Negated;
        }

        return Negated;
    }

    /// <summary>
    /// Whether a character of which only the first bytes are known may be in the class: a named range must touch what
    /// it can become, and a range that is left out must not. The latter is stricter than it need be, and is
    /// llama.cpp's rule: what has begun can be finished by any bytes.
    /// </summary>
    public bool MayHold(int first, int last)
    {
        foreach (var range in _ranges)
        {
            if (range.First <= last && first <= range.Last)
                return !Negated;
        }

        return Negated;
    }

    /// <summary>The same set without a negation.</summary>
    public IEnumerable<(int First, int Last)> Positive()
    {
        if (!Negated)
        {
            foreach (var range in _ranges)
                yield return range;
            yield break;
        }

        var next = 0;
        foreach (var (first, last) in _ranges)
        {
            if (next < first)
                yield return (next, first - 1);
            next = last + 1;
        }

        if (next <= LastCodePoint)
            yield return (next, LastCodePoint);
    }

    public CharClass Except(CharClass other)
    {
        var left = new List<(int, int)>();
        foreach (var (first, last) in Positive())
        {
            var next = first;
            foreach (var (from, to) in other.Positive())
            {
                if (to < next || from > last)
                    continue;
                if (next < from)
                    left.Add((next, from - 1));
                next = Math.Max(next, to + 1);
            }

            if (next <= last)
                left.Add((next, last));
        }

        return new CharClass(left);
    }

    public bool Equals(CharClass? other) =>
        other is not null && Negated == other.Negated && _ranges.AsSpan().SequenceEqual(other._ranges);

    public override bool Equals(object? obj) => Equals(obj as CharClass);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Negated);
        foreach (var range in _ranges)
            hash.Add(range);
        return hash.ToHashCode();
    }
}
