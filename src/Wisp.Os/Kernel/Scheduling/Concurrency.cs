namespace Wisp.Kernel.Scheduling;

/// <summary>
/// How many processes may have a turn under way: any number, and fewer while they take each other's memory. Denning
/// 1968, "The working set model for program behavior": what does not fit together must not run together.
/// </summary>
/// <remarks>Deterministic: it counts steps and losses, and knows no clock.</remarks>
internal sealed class Concurrency
{
    // One process that loses three times in so many steps is thrashing; after so many calm ones another is let in.
    private const int Losses = 3, Window = 1024, Calm = 256;

    private readonly Dictionary<Pid, Queue<long>> _losses = [];
    private long _changed;

    /// <summary>How many may have one.</summary>
    public int Limit { get; private set; } = int.MaxValue;

    /// <summary>A step begins.</summary>
    /// <param name="wanting">Processes that have a turn under way or want one.</param>
    public void Step(long step, int wanting)
    {
        if (Limit == int.MaxValue || step - _changed < Calm)
            return;
        (Limit, _changed) = (Limit + 1, step);
        if (Limit >= wanting)
            Limit = int.MaxValue;
    }

    /// <summary>A process lost work to others, or reads again and again what its window has no room for.</summary>
    /// <param name="running">Processes that have a turn under way.</param>
    public void Lost(Pid pid, long step, int running)
    {
        if (!_losses.TryGetValue(pid, out var times))
            _losses[pid] = times = new Queue<long>();
        times.Enqueue(step);
        while (times.Peek() <= step - Window)
            times.Dequeue();
        if (times.Count < Losses)
            return;
        (Limit, _changed) = (Math.Max(1, Math.Min(Limit, running) / 2), step);
        _losses.Clear();
    }

    /// <summary>A process is over.</summary>
    public void Forget(Pid pid) => _losses.Remove(pid);
}
