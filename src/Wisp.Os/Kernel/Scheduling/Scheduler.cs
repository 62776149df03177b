namespace Wisp.Kernel.Scheduling;

/// <summary>
/// Decides before every step of the model who is in it. A token is the unit: whoever is in a step can be out of the
/// next, and its keys and values stay where they are.
/// </summary>
/// <remarks>
/// Deterministic: it knows no clock and no chance, and ties go by place. Under fair queueing two shares of one class
/// that always have somebody queued differ in tokens over weight by at most the sum of a quantum and a step's cost over
/// each weight, with one slot; tested.
/// </remarks>
public sealed class Scheduler(SchedulingOptions options)
{
    private readonly List<Runnable> _queue = [];
    private long _step, _places;
    private double _clock; // the virtual time of who was picked last: where newcomers begin

    public IReadOnlyList<Runnable> Queue => _queue;

    /// <summary>Puts a process that has something to run at the end.</summary>
    public void Add(Runnable runnable)
    {
        if (runnable.IsQueued)
            throw new InvalidOperationException($"Process {runnable.Pid} is queued already.");
        if (runnable.Share.Queued++ == 0)
            runnable.Share.VirtualTime = Math.Max(runnable.Share.VirtualTime, _clock); // no credit for sleeping
        (runnable.IsQueued, runnable.KeepsSlot) = (true, false);
        (runnable.Place, runnable.QuantumLeft, runnable.Waited) = (_places++, options.Quantum, 0);
        _queue.Add(runnable);
    }

    /// <summary>Takes a process out that has nothing to run now.</summary>
    public void Remove(Runnable runnable)
    {
        if (!_queue.Remove(runnable))
            return;
        runnable.IsQueued = false;
        runnable.Share.Queued--;
    }

    /// <summary>Picks who is in the next step, best first.</summary>
    public void Pick(List<Runnable> into, int slots)
    {
        into.Clear();
        _step++;
        while (into.Count < slots && into.Count < _queue.Count)
        {
            Runnable? best = null;
            foreach (var candidate in _queue)
                if (candidate.PickedAt != _step && (best is null || Before(candidate, best)))
                    best = candidate;
            best!.PickedAt = _step;
            best.Share.Given++;
            into.Add(best);
        }

        var clock = double.MaxValue;
        foreach (var runnable in into)
            (clock, runnable.Share.Given) = (Math.Min(clock, runnable.Share.VirtualTime), 0);
        if (into.Count > 0)
            _clock = Math.Max(_clock, clock);
        foreach (var runnable in _queue)
        {
            var picked = runnable.PickedAt == _step;
            runnable.KeepsSlot = picked;
            runnable.Waited = picked ? 0 : runnable.Waited + 1;
        }
    }

    /// <summary>Says what a turn cost, in tokens.</summary>
    public void Charge(Runnable runnable, int cost)
    {
        runnable.Share.VirtualTime += cost / runnable.Share.Weight;
        runnable.Share.Attained += cost;
        runnable.QuantumLeft -= cost;
        if (runnable.QuantumLeft > 0)
            return;
        runnable.QuantumLeft = options.Quantum;
        runnable.KeepsSlot = false;
        if (options.Policy != SchedulingPolicy.Fifo)
            runnable.Place = _places++;
    }

    private bool Before(Runnable a, Runnable b)
    {
        if (options.Policy is not (SchedulingPolicy.Fifo or SchedulingPolicy.RoundRobin))
        {
            var byClass = Effective(a).CompareTo(Effective(b));
            if (byClass != 0)
                return byClass < 0;
        }

        if (options.Policy != SchedulingPolicy.Fifo && a.KeepsSlot != b.KeepsSlot)
            return a.KeepsSlot;
        var byPolicy = options.Policy switch
        {
            SchedulingPolicy.FairQueueing => Virtual(a.Share).CompareTo(Virtual(b.Share)),
            SchedulingPolicy.LeastAttained => (a.Share.Attained + a.Share.Given).CompareTo(
                b.Share.Attained + b.Share.Given),
            _ => 0,
        };
        return byPolicy != 0 ? byPolicy < 0 : a.Place < b.Place;
    }

    private long Effective(Runnable runnable) => (long)runnable.Class - (runnable.Waited / options.AgingSteps);

    private static double Virtual(Share share) => share.VirtualTime + (share.Given / share.Weight);
}
