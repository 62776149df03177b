using Wisp.Memory;

namespace Wisp.Tests.Os.Memory;

public class EvictionPlanTests
{
    private static (EvictionItem[] Items, int Length) Draw(Random random, int most)
    {
        var items = new EvictionItem[random.Next(1, most)];
        var at = random.Next(20);
        for (var i = 0; i < items.Length; i++)
        {
            var tokens = random.Next(1, 60);
            items[i] = new EvictionItem(at, tokens - random.Next(2), random.NextDouble(), random.Next(5) > 0);
            at += tokens;
        }

        return (items, at + random.Next(20));
    }

    [Fact]
    public void Enough_goes_where_there_is_enough_and_nothing_that_must_stay()
    {
        var random = new Random(1);
        for (var i = 0; i < 3000; i++)
        {
            var (items, length) = Draw(random, 30);
            var toFree = random.Next(-5, length);
            var chosen = EvictionPlan.Choose(items, length, toFree);
            Assert.All(chosen, c => Assert.True(items[c].CanGo));
            Assert.Equal(chosen.Distinct().Order(), chosen);
            var canGo = items.Where(item => item.CanGo).Sum(item => item.Freed);
            if (toFree <= 0)
                Assert.Empty(chosen);
            else
                Assert.True(chosen.Sum(c => items[c].Freed) >= Math.Min(toFree, canGo));
        }
    }

    // All subsets are tried: the plan's choice costs little more than the best, and less than the oldest first.
    [Fact]
    public void The_choice_is_near_the_cheapest_there_is_and_cheaper_than_the_oldest_first()
    {
        var random = new Random(2);
        double plan = 0, best = 0, oldest = 0;
        for (var round = 0; round < 300; round++)
        {
            var (items, length) = Draw(random, 11);
            var toFree = items.Where(item => item.CanGo).Sum(item => item.Freed) / 2;
            if (toFree == 0)
                continue;
            var cheapest = double.PositiveInfinity;
            for (var set = 0; set < 1 << items.Length; set++)
            {
                int[] subset = [.. Enumerable.Range(0, items.Length).Where(i => (set >> i & 1) == 1)];
                if (subset.All(i => items[i].CanGo) && subset.Sum(i => items[i].Freed) >= toFree)
                    cheapest = Math.Min(cheapest, EvictionPlan.CostOf(items, subset, length));
            }

            var first = new List<int>();
            for (var i = 0; i < items.Length && first.Sum(c => items[c].Freed) < toFree; i++)
                if (items[i].CanGo)
                    first.Add(i);
            plan += EvictionPlan.CostOf(items, EvictionPlan.Choose(items, length, toFree), length);
            oldest += EvictionPlan.CostOf(items, [.. first], length);
            best += cheapest;
        }

        Assert.InRange(plan, best, 1.15 * best);
        Assert.True(plan < 0.95 * oldest, $"plan {plan:n0}, oldest first {oldest:n0}, best {best:n0}");
    }

    [Fact]
    public void A_late_hole_is_taken_where_an_early_one_would_cost_a_long_reading()
    {
        // Two cold groups: the early one is a little colder, and a thousand tokens stand between them.
        EvictionItem[] items = [new(0, 100, 0.0, true), new(100, 1000, 0.9, false), new(1100, 100, 0.1, true)];
        Assert.Equal([2], EvictionPlan.Choose(items, 1200, 100));
    }
}
