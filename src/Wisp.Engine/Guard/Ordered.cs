using System.Collections.Immutable;

namespace Wisp.Guard;

/// <summary>Sets as arrays in order without repetitions: small, compared in one pass, cheap to share.</summary>
internal static class Ordered
{
    public static ImmutableArray<T> From<T>(ReadOnlySpan<T> items, Comparison<T> compare)
    {
        var sorted = items.ToArray();
        foreach (var item in sorted)
            ArgumentNullException.ThrowIfNull(item, nameof(items));
        Array.Sort(sorted, compare);
        var count = 0;
        for (var i = 0; i < sorted.Length; i++)
            if (i == 0 || compare(sorted[i], sorted[count - 1]) != 0)
                sorted[count++] = sorted[i];
        return [.. sorted.AsSpan(0, count)];
    }

    public static ImmutableArray<T> Union<T>(
        ImmutableArray<T> a, ImmutableArray<T> b, Comparison<T> compare)
    {
        // A label meets itself most of the time: nothing is allocated then.
        if (Includes(a, b, compare))
            return a;
        return Includes(b, a, compare) ? b : From([.. a, .. b], compare);
    }

    public static ImmutableArray<T> Intersect<T>(
        ImmutableArray<T> a, ImmutableArray<T> b, Comparison<T> compare)
    {
        if (Includes(a, b, compare))
            return b;
        var order = Comparer<T>.Create(compare);
        return Includes(b, a, compare) ? a : [.. a.Where(item => b.AsSpan().BinarySearch(item, order) >= 0)];
    }

    public static bool Includes<T>(ImmutableArray<T> whole, ImmutableArray<T> part, Comparison<T> compare)
    {
        if (whole == part)
            return true;
        var at = 0;
        foreach (var item in part)
        {
            while (at < whole.Length && compare(whole[at], item) < 0)
                at++;
            if (at == whole.Length || compare(whole[at], item) != 0)
                return false;
            at++;
        }

        return true;
    }

    public static int Hash<T>(ImmutableArray<T> items)
    {
        var hash = new HashCode();
        foreach (var item in items)
            hash.Add(item);
        return hash.ToHashCode();
    }
}
