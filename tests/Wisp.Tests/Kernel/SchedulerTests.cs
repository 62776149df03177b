using Wisp.Compute;
using Wisp.Kernel;
using Wisp.Kernel.Scheduling;

namespace Wisp.Tests.Kernel;

public sealed class SchedulerTests
{
    private static readonly List<Runnable> s_picked = [];

    // Runs steps in which every picked runnable costs what the function says, and returns the pids that were picked.
    private static List<int> Run(Scheduler scheduler, int steps, int slots, Func<Runnable, int> cost)
    {
        var order = new List<int>();
        var picked = new List<Runnable>();
        for (var i = 0; i < steps; i++)
        {
            scheduler.Pick(picked, slots);
            foreach (var runnable in picked)
            {
                order.Add(runnable.Pid.Number);
                scheduler.Charge(runnable, cost(runnable));
            }
        }

        return order;
    }

    private static Runnable Make(int pid, SchedulingClass c = SchedulingClass.Normal, Share? share = null) =>
        new(new Pid(pid), share ?? new Share(), c);

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(4), InlineData(5)]
    public void Fair_queueing_keeps_every_two_shares_within_a_quantum_of_each_other(int seed)
    {
        var random = new Random(seed);
        var quantum = 1 + random.Next(32);
        var scheduler = new Scheduler(new SchedulingOptions(SchedulingPolicy.FairQueueing, quantum, 1_000_000));
        // Shares of random weights with one to three processes each, all of which always have something to say.
        var shares = Enumerable.Range(0, 6).Select(_ => new Share { Weight = 0.5 + random.Next(8) }).ToList();
        var pid = 0;
        foreach (var share in shares)
            for (var n = random.Next(3); n >= 0; n--)
                scheduler.Add(Make(++pid, share: share));
        const int MaxCost = 9;
        for (var step = 0; step < 4000; step++)
        {
            scheduler.Pick(s_picked, 1);
            scheduler.Charge(s_picked[0], 1 + random.Next(MaxCost));
            foreach (var a in shares)
                foreach (var b in shares)
                    Assert.True(
                        Math.Abs((a.Attained / a.Weight) - (b.Attained / b.Weight))
                            <= ((quantum + MaxCost) / a.Weight) + ((quantum + MaxCost) / b.Weight),
                        $"step {step}: {a.Attained}/{a.Weight} against {b.Attained}/{b.Weight}, quantum {quantum}");
        }
    }

    [Fact]
    public void A_share_with_many_branches_gets_no_more_than_one_with_a_single_process()
    {
        var scheduler = new Scheduler(new SchedulingOptions(SchedulingPolicy.FairQueueing, 4, 1_000_000));
        Share thinker = new(), chatter = new();
        for (var pid = 1; pid <= 20; pid++)
            scheduler.Add(Make(pid, share: thinker));
        scheduler.Add(Make(21, share: chatter));
        Run(scheduler, 2000, 1, _ => 1);
        Assert.InRange(chatter.Attained, 990, 1010);
        Assert.InRange(thinker.Attained, 990, 1010);
    }

    [Fact]
    public void Who_slept_gets_no_credit_for_it()
    {
        var scheduler = new Scheduler(new SchedulingOptions(SchedulingPolicy.FairQueueing, 4, 1_000_000));
        Runnable worker = Make(1), sleeper = Make(2);
        scheduler.Add(worker);
        Run(scheduler, 10_000, 1, _ => 1);
        scheduler.Add(sleeper);
        var order = Run(scheduler, 100, 1, _ => 1);
        Assert.InRange(order.Count(pid => pid == 2), 46, 54);
    }

    [Theory]
    [InlineData(SchedulingPolicy.Priority), InlineData(SchedulingPolicy.FairQueueing)]
    [InlineData(SchedulingPolicy.LeastAttained)]
    public void Aging_starves_nobody(SchedulingPolicy policy)
    {
        const int Aging = 20;
        var scheduler = new Scheduler(new SchedulingOptions(policy, 4, Aging));
        scheduler.Add(Make(1, SchedulingClass.Interactive));
        scheduler.Add(Make(2, SchedulingClass.Interactive));
        scheduler.Add(Make(3, SchedulingClass.Batch));
        scheduler.Add(Make(4, SchedulingClass.Batch));
        var order = Run(scheduler, 2000, 1, _ => 1);
        foreach (var pid in (int[])[3, 4])
        {
            var at = order.Select((p, i) => (p, i)).Where(x => x.p == pid).Select(x => x.i).ToList();
            // Two classes up, and all others may be as old.
            Assert.True(at.Count > 10, $"{pid} ran {at.Count} times");
            Assert.True(at.Zip(at.Skip(1), (a, b) => b - a).Max() <= (3 * Aging) + 8);
        }

        Assert.True(order.Count(pid => pid <= 2) > 1700); // interactive goes before batch
    }

    [Fact]
    public void Interactive_goes_before_batch_at_the_next_token()
    {
        var scheduler = new Scheduler(SchedulingOptions.Default with { Quantum = 100 });
        scheduler.Add(Make(1, SchedulingClass.Batch));
        Assert.Equal([1, 1], Run(scheduler, 2, 1, _ => 1));
        scheduler.Add(Make(2, SchedulingClass.Interactive));
        Assert.Equal([2, 2], Run(scheduler, 2, 1, _ => 1));
    }

    [Fact]
    public void First_in_first_out_finishes_whom_it_began()
    {
        var scheduler = new Scheduler(new SchedulingOptions(SchedulingPolicy.Fifo, 2, 10));
        Runnable first = Make(1, SchedulingClass.Batch), second = Make(2, SchedulingClass.Interactive);
        scheduler.Add(first);
        scheduler.Add(second);
        Assert.Equal([1, 1, 1, 1, 1], Run(scheduler, 5, 1, _ => 1));
        scheduler.Remove(first);
        Assert.Equal([2], Run(scheduler, 1, 1, _ => 1));
    }

    [Fact]
    public void Round_robin_gives_a_quantum_each()
    {
        var scheduler = new Scheduler(new SchedulingOptions(SchedulingPolicy.RoundRobin, 2, 10));
        for (var pid = 1; pid <= 3; pid++)
            scheduler.Add(Make(pid));
        Assert.Equal([1, 1, 2, 2, 3, 3, 1, 1], Run(scheduler, 8, 1, _ => 1));
    }

    [Fact]
    public void Least_attained_lets_a_newcomer_pass_one_that_has_had_much()
    {
        var scheduler = new Scheduler(new SchedulingOptions(SchedulingPolicy.LeastAttained, 4, 1_000_000));
        scheduler.Add(Make(1));
        Run(scheduler, 100, 1, _ => 1);
        scheduler.Add(Make(2));
        Assert.All(Run(scheduler, 90, 1, _ => 1).Skip(4), pid => Assert.Equal(2, pid));
    }

    [Theory]
    [InlineData(SchedulingPolicy.Fifo), InlineData(SchedulingPolicy.RoundRobin), InlineData(SchedulingPolicy.Priority)]
    [InlineData(SchedulingPolicy.FairQueueing), InlineData(SchedulingPolicy.LeastAttained)]
    public void The_same_seed_gives_the_same_schedule_and_no_slot_stays_empty(SchedulingPolicy policy)
    {
        List<int> Schedule()
        {
            var random = new SplitMix64(7);
            var scheduler = new Scheduler(new SchedulingOptions(policy, 5, 30));
            var all = Enumerable.Range(1, 12).Select(pid => Make(pid, (SchedulingClass)(pid % 3))).ToList();
            var picked = new List<Runnable>();
            var order = new List<int>();
            for (var step = 0; step < 3000; step++)
            {
                // Some come and some go.
                var one = all[(int)(random.Next() % 12)];
                if (one.IsQueued)
                    scheduler.Remove(one);
                else
                    scheduler.Add(one);
                scheduler.Pick(picked, 3);
                Assert.Equal(Math.Min(3, scheduler.Queue.Count), picked.Count);
                Assert.Equal(picked.Count, picked.Distinct().Count());
                foreach (var runnable in picked)
                {
                    order.Add(runnable.Pid.Number);
                    scheduler.Charge(runnable, 1 + (int)(random.Next() % 4));
                }
            }

            return order;
        }

        Assert.Equal(Schedule(), Schedule());
    }
}
