using Wisp.Compute;

namespace Wisp.Tests.Compute;

public class WorkerPoolTests
{
    [Theory]
    [InlineData(1), InlineData(2), InlineData(5)]
    public void A_pool_has_the_workers_it_was_asked_for(int threads)
    {
        using var pool = new WorkerPool(threads);
        Assert.Equal(threads, pool.Count);
    }

    [Fact]
    public void Zero_threads_means_one_a_core_and_fewer_is_refused()
    {
        using var pool = new WorkerPool();
        Assert.Equal(Environment.ProcessorCount, pool.Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => new WorkerPool(-1));
    }

    // More workers than cores too: there they lose their core in the middle of the hand-over.
    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(7)]
    public void Every_task_runs_exactly_once_over_many_quick_jobs(int threads)
    {
        using var pool = new WorkerPool(threads);
        var runs = new int[50];
        var strangers = 0;
        for (var job = 0; job < 2_000; job++)
        {
            Array.Clear(runs);
            var tasks = job % runs.Length;
            pool.Run(
                (task, worker) =>
                {
                    Interlocked.Increment(ref runs[task]);
                    if ((uint)worker >= (uint)threads)
                        Interlocked.Increment(ref strangers);
                },
                tasks);
            for (var t = 0; t < runs.Length; t++)
                if (runs[t] != (t < tasks ? 1 : 0))
                    Assert.Fail($"job {job}: task {t} of {tasks} ran {runs[t]} times");
        }

        Assert.Equal(0, strangers);
    }

    // Sleeps on both sides of the time after which workers park, so that jobs meet them awake, asleep and in between.
    [Fact]
    public void Jobs_find_workers_that_have_parked()
    {
        using var pool = new WorkerPool(4);
        var runs = 0;
        for (var job = 0; job < 300; job++)
        {
            pool.Run((_, _) => Interlocked.Increment(ref runs), 8);
            Thread.SpinWait(job % 60 * 200);
            if (job % 10 == 0)
                Thread.Sleep(1);
        }

        Assert.Equal(300 * 8, runs);
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(4)]
    public void A_fault_in_a_body_reaches_the_caller_and_the_pool_lives_on(int threads)
    {
        using var pool = new WorkerPool(threads);
        var runs = 0;
        for (var bad = 0; bad < 20; bad++)
        {
            var fault = Assert.Throws<InvalidOperationException>(() => pool.Run(
                (task, _) =>
                {
                    if (task == bad)
                        throw new FormatException("task went wrong");
                },
                20));
            Assert.IsType<FormatException>(fault.InnerException);
            Assert.Contains("task went wrong", fault.Message);
            pool.Run((_, _) => Interlocked.Increment(ref runs), 20);
        }

        Assert.Equal(20 * 20, runs);
    }

    // If the caller left while a worker is still inside the body, the job on its stack would be gone.
    [Fact]
    public void The_caller_waits_for_workers_even_when_its_own_task_throws()
    {
        using var pool = new WorkerPool(2);
        using var bothIn = new Barrier(2);
        var finished = false;
        Assert.Throws<InvalidOperationException>(() => pool.Run(
            (_, worker) =>
            {
                bothIn.SignalAndWait();
                if (worker == 0)
                    throw new FormatException();
                Thread.Sleep(50);
                Volatile.Write(ref finished, true);
            },
            2));
        Assert.True(Volatile.Read(ref finished));
    }

    [Fact]
    public void A_kernel_inside_a_kernel_is_refused()
    {
        using var pool = new WorkerPool(2);
        var fault = Assert.Throws<InvalidOperationException>(
            () => pool.Run((_, _) => pool.Run((_, _) => { }, 4), 4));
        Assert.IsType<InvalidOperationException>(fault.InnerException);
    }

    [Fact]
    public void A_pool_can_be_disposed_busy_just_now_parked_and_twice()
    {
        for (var round = 0; round < 20; round++)
        {
            var pool = new WorkerPool(3);
            if (round % 2 == 0)
                pool.Run((_, _) => { }, 9);
            if (round % 4 >= 2)
                Thread.Sleep(5);
            pool.Dispose();
            pool.Dispose();
            Assert.Throws<ObjectDisposedException>(() => pool.Run((_, _) => { }, 4));
        }
    }

    [Fact]
    public void Many_pools_live_side_by_side()
    {
        WorkerPool[] pools = [.. Enumerable.Range(0, 12).Select(i => new WorkerPool(1 + i % 3))];
        var runs = new int[pools.Length];
        for (var job = 0; job < 50; job++)
            for (var p = 0; p < pools.Length; p++)
                pools[p].Run((_, _) => Interlocked.Increment(ref runs[p]), 5);
        foreach (var pool in pools)
            pool.Dispose();
        Assert.All(runs, count => Assert.Equal(50 * 5, count));
    }
}
