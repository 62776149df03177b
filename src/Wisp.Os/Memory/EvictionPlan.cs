namespace Wisp.Memory;

/// <summary>A group of pages in a prompt, to be kept or put away as one.</summary>
/// <param name="At">Tokens of the prompt before it.</param>
/// <param name="Freed">Tokens that putting it away saves.</param>
/// <param name="Heat">How likely it is to be needed again soon, from 0 to 1.</param>
/// <param name="CanGo">Whether it may be put away.</param>
public readonly record struct EvictionItem(int At, int Freed, double Heat, bool CanGo);

/// <summary>
/// Which pages to put away. All keys and values after a change in a prompt are lost, so what counts is where the first
/// hole is, not how many there are: everything behind it is read again anyway.
/// </summary>
/// <remarks>
/// The cost of a choice, in tokens to read, is what stands behind its first hole afterwards plus, for each group that
/// goes, its tokens times its heat: reading it again when it is missed. For each place of the first hole the groups
/// behind it are taken by least heat, and the cheapest place wins. The last recently used page goes first only where
/// that is also cheap.
/// </remarks>
public static class EvictionPlan
{
    /// <summary>The groups to put away, in order; where there is not enough, all that can go.</summary>
    /// <param name="length">Tokens of the whole prompt.</param>
    /// <param name="toFree">Tokens to free at least.</param>
    public static int[] Choose(ReadOnlySpan<EvictionItem> items, int length, int toFree)
    {
        if (toFree <= 0)
            return [];
        var byHeat = Order(items);
        int[] best = [];
        var (bestCost, bestFreed) = (double.PositiveInfinity, 0);
        foreach (var hole in byHeat)
        {
            var chosen = Behind(items, byHeat, hole, toFree, out var freed);
            // Where nothing frees enough, the most counts; else the cost.
            var cost = CostOf(items, chosen, length);
            var isBetter = bestFreed < toFree ? freed > bestFreed || (freed == bestFreed && cost < bestCost)
                : freed >= toFree && cost < bestCost;
            if (isBetter)
                (best, bestCost, bestFreed) = (chosen, cost, freed);
        }

        return best;
    }

    /// <summary>Tokens that will have to be read because of the choice, as far as can be foreseen.</summary>
    public static double CostOf(ReadOnlySpan<EvictionItem> items, ReadOnlySpan<int> chosen, int length)
    {
        if (chosen.IsEmpty)
            return 0;
        var first = int.MaxValue;
        var freed = 0;
        var missed = 0.0;
        foreach (var i in chosen)
        {
            first = Math.Min(first, items[i].At);
            freed += items[i].Freed;
            missed += items[i].Freed * items[i].Heat;
        }

        return length - freed - first + missed;
    }

    private static int[] Behind(
        ReadOnlySpan<EvictionItem> items, int[] byHeat, int hole, int toFree, out int freed)
    {
        var chosen = new List<int> { hole };
        freed = items[hole].Freed;
        foreach (var i in byHeat)
        {
            if (freed >= toFree)
                break;
            if (i <= hole)
                continue;
            chosen.Add(i);
            freed += items[i].Freed;
        }

        chosen.Sort();
        return [.. chosen];
    }

    private static int[] Order(ReadOnlySpan<EvictionItem> items)
    {
        var order = new List<int>();
        var heat = new double[items.Length];
        for (var i = 0; i < items.Length; i++)
        {
            heat[i] = items[i].Heat;
            if (items[i].CanGo && items[i].Freed > 0)
                order.Add(i);
        }

        return [.. order.OrderBy(i => heat[i]).ThenBy(i => i)];
    }
}
