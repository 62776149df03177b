using Wisp.Kernel.Budgets;

namespace Wisp.Tests.Kernel;

public sealed class BudgetTests
{
    [Theory]
    [InlineData(1), InlineData(2), InlineData(3)]
    public void Used_and_reserved_never_pass_the_maximum_over_any_subtree(int seed)
    {
        var random = new Random(seed);
        var budgets = new List<Budget> { new("root") };
        for (var i = 1; i < 20; i++)
            budgets.Add(new Budget($"{i}", budgets[random.Next(i)]));
        foreach (var budget in budgets)
            foreach (var resource in Enum.GetValues<Resource>())
                if (random.Next(2) == 0)
                    budget.Set(resource, new Limit(random.Next(3) == 0 ? random.Next(400) : null, random.Next(500)));
        var open = new List<(Budget Budget, Resource Resource, long Amount)>();
        var (granted, refused, asked) = (0, 0, 0);
        for (var step = 0; step < 20_000; step++)
        {
            if (open.Count > 0 && random.Next(3) == 0)
            {
                var (budget, resource, amount) = open[random.Next(open.Count)];
                open.Remove((budget, resource, amount));
                var used = random.NextInt64(amount + 1);
                budget.Settle(resource, amount, used);
                if (random.Next(2) == 0)
                    budget.Return(resource, used); // held, not used up
            }
            else
            {
                var budget = budgets[random.Next(budgets.Count)];
                var resource = (Resource)random.Next(9);
                var amount = random.NextInt64(60);
                var left = budget.Left(resource);
                var verdict = budget.TryReserve(resource, amount);
                Assert.True(verdict.Answer == BudgetAnswer.Refused == amount > left);
                switch (verdict.Answer)
                {
                    case BudgetAnswer.Granted:
                        open.Add((budget, resource, amount));
                        granted++;
                        break;
                    case BudgetAnswer.Ask:
                        asked++;
                        break;
                    default:
                        refused++;
                        break;
                }
            }

            foreach (var budget in budgets)
                foreach (var resource in Enum.GetValues<Resource>())
                    if (budget.LimitOf(resource).Max is { } max)
                        Assert.InRange(budget.Used(resource) + budget.Reserved(resource), 0, max);
        }

        // What is reserved at the root is what is reserved below it.
        foreach (var resource in Enum.GetValues<Resource>())
            Assert.Equal(open.Where(o => o.Resource == resource).Sum(o => o.Amount), budgets[0].Reserved(resource));
        Assert.True(granted > 100 && refused > 100 && asked > 10, $"{granted} {refused} {asked}");
    }

    [Fact]
    public void A_mark_that_was_agreed_to_moves_up_by_its_height_and_the_maximum_stays()
    {
        var budget = new Budget("b");
        budget.Set(Resource.ToolCalls, new Limit(2, 5));
        Assert.Equal(BudgetAnswer.Granted, budget.TryUse(Resource.ToolCalls, 2).Answer);
        Assert.Equal(BudgetAnswer.Ask, budget.TryUse(Resource.ToolCalls, 1).Answer);
        budget.Raise(Resource.ToolCalls, 1);
        Assert.Equal(BudgetAnswer.Granted, budget.TryUse(Resource.ToolCalls, 2).Answer);
        Assert.Equal(BudgetAnswer.Ask, budget.TryUse(Resource.ToolCalls, 1).Answer);
        budget.Raise(Resource.ToolCalls, 1);
        Assert.Equal(BudgetAnswer.Granted, budget.TryUse(Resource.ToolCalls, 1).Answer);
        var verdict = budget.TryUse(Resource.ToolCalls, 1);
        Assert.Equal((BudgetAnswer.Refused, budget), (verdict.Answer, verdict.By));
    }

    [Fact]
    public void Amounts_that_would_overflow_are_refused()
    {
        var budget = new Budget("b", new Budget("root"));
        budget.Set(Resource.MicroMoney, new Limit(null, 10));
        Assert.Equal(BudgetAnswer.Refused, budget.TryReserve(Resource.MicroMoney, long.MaxValue).Answer);
        Assert.Throws<ArgumentOutOfRangeException>(() => budget.TryReserve(Resource.MicroMoney, -1));
        Assert.ThrowsAny<ArgumentException>(() => budget.Settle(Resource.MicroMoney, 5, 5));
        Assert.Throws<ArgumentException>(() => budget.Set(Resource.MicroMoney, new Limit(null, -1)));
    }
}
