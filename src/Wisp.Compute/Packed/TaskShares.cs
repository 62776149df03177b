using System.Runtime.CompilerServices;

namespace Wisp.Compute;

/// <summary>
/// Tasks that lie one after another in memory, dealt out so that every worker goes on where it stopped: a share of
/// neighbouring tasks each, taken from the front by its owner and, once that one has none left, from the back of the
/// others' by whoever is free.
/// </summary>
/// <remarks>
/// Who computes a task changes nothing of its result. A pool that calls for every task once finds one each time: there
/// are as many left as calls to come.
/// </remarks>
internal readonly unsafe struct TaskShares
{
    /// <summary>Words of 8 bytes a worker's share takes: cache lines of its own, which CPUs fetch in pairs.</summary>
    public const int Words = 16;

    private readonly long* _shares; // the first task left, and in the high half the one after the last
    private readonly int _workers;

    /// <param name="memory">The address of <see cref="Words"/> words a worker.</param>
    public TaskShares(nint memory, int workers, int tasks)
    {
        _shares = (long*)memory;
        _workers = workers;
        for (var worker = 0; worker < workers; worker++)
            _shares[worker * Words] = Share((int)((long)tasks * worker / workers),
                (int)((long)tasks * (worker + 1) / workers));
    }

    /// <summary>The next task of a worker.</summary>
    public int Take(int worker)
    {
        for (var i = 0; ; i = (i + 1) % _workers)
        {
            ref var share = ref _shares[(worker + i) % _workers * Words];
            for (var found = Volatile.Read(ref share); ;)
            {
                int from = (int)found, end = (int)(found >> 32);
                if (from == end)
                    break;
                var left = i == 0 ? Share(from + 1, end) : Share(from, end - 1);
                var before = Interlocked.CompareExchange(ref share, left, found);
                if (before == found)
                    return i == 0 ? from : end - 1;
                found = before;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Share(int from, int end) => ((long)end << 32) | (uint)from;
}
