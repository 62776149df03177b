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
}
