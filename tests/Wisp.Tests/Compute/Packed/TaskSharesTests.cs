using System.Runtime.InteropServices;
using Wisp.Compute;

namespace Wisp.Tests.Compute.Packed;

public sealed class TaskSharesTests : IDisposable
{
    private readonly nint _memory = Marshal.AllocHGlobal(8 * TaskShares.Words * sizeof(long));

    public void Dispose() => Marshal.FreeHGlobal(_memory);

    [Theory]
    [InlineData(1, 5), InlineData(2, 7), InlineData(3, 2), InlineData(5, 64)]
    public void Every_task_is_taken_once_and_a_worker_goes_on_where_it_stopped(int workers, int tasks)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var shares = new TaskShares(_memory, workers, tasks);
            var random = new Random(seed);
            var taken = new List<int>[workers];
            for (var worker = 0; worker < workers; worker++)
                taken[worker] = [];
            for (var i = 0; i < tasks; i++)
            {
                var worker = seed == 0 ? 0 : random.Next(workers);
                taken[worker].Add(shares.Take(worker));
            }

            Assert.Equal(Enumerable.Range(0, tasks), taken.SelectMany(t => t).Order());
            for (var worker = 0; worker < workers; worker++)
            {
                // First its own from front to back; then others', from back to front.
                int from = tasks * worker / workers, end = tasks * (worker + 1) / workers;
                var own = taken[worker].TakeWhile(t => t >= from && t < end).ToList();
                Assert.Equal(Enumerable.Range(from, own.Count), own);
                Assert.DoesNotContain(taken[worker].Skip(own.Count), t => t >= from && t < end);
            }
        }
    }

    [Fact]
    public void Workers_at_the_same_time_take_every_task_once()
    {
        const int tasks = 200_000;
        using var pool = new WorkerPool(4);
        var shares = new TaskShares(_memory, 4, tasks);
        var counts = new int[tasks];
        pool.Run((_, worker) => Interlocked.Increment(ref counts[shares.Take(worker)]), tasks);
        Assert.All(counts, count => Assert.Equal(1, count));
    }
}
