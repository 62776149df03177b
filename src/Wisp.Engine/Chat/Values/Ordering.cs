namespace Wisp.Chat.Values;

/// <summary>
/// Sorting that keeps equal values in place. The sorts of .NET wrap what a comparison throws, and may throw themselves
/// where values have no consistent order, as with NaN among them; a merge sort does neither.
/// </summary>
internal static class Ordering
{
    /// <returns>The indexes of the keys in their order.</returns>
    public static int[] Of(IReadOnlyList<Value> keys, ValueComparer comparer, bool reverse = false)
    {
        var order = Enumerable.Range(0, keys.Count).ToArray();
        var merged = new int[keys.Count];
        for (var width = 1; width < order.Length; width *= 2)
        {
            for (var start = 0; start < order.Length; start += 2 * width)
            {
                int left = start, middle = Math.Min(start + width, order.Length), right = middle;
                var end = Math.Min(start + 2 * width, order.Length);
                for (var at = start; at < end; at++)
                    merged[at] = left < middle && (right == end || !Before(order[right], order[left]))
                        ? order[left++] : order[right++];
            }

            (order, merged) = (merged, order);
        }

        return order;

        bool Before(int a, int b) =>
            (reverse ? comparer.Compare(keys[b], keys[a]) : comparer.Compare(keys[a], keys[b])) < 0;
    }
}
