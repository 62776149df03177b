using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Wisp.Compute;

/// <summary>
/// A fixed set of threads that run one kernel at a time: the caller is worker 0, the others wait for the next job by
/// spinning for a short while and then parking. A job is a static function, a pointer to its arguments on the caller's
/// stack and a number of tasks; tasks are claimed in order by an atomic counter, and the call returns when all are done.
/// </summary>
/// <remarks>
/// Running a job allocates nothing. Kernels give every task its own outputs, so results do not depend on which
/// worker ran which task. One job at a time: a pool is used by one thread, and a kernel never calls Run again; both are
/// checked, because the alternative to an exception is a wrong number.
/// </remarks>
public sealed unsafe class WorkerPool : IDisposable
{
    // How long an idle worker spins before it parks: about 50 µs, longer than the gap between two kernels of a step and
    // far shorter than anything a person notices in a process list.
    private const int SpinsBeforePark = 2_000;

    // The fields that threads hammer live on cache lines of their own; 128 bytes because CPUs fetch lines in pairs.
    [StructLayout(LayoutKind.Explicit, Size = 512)]
    private struct Shared
    {
        [FieldOffset(0)] public int Generation;
        [FieldOffset(128)] public int NextTask;
        [FieldOffset(256)] public int Busy;
        [FieldOffset(384)] public int Parked;
    }

    private readonly Thread[] _threads;
    private readonly object _gate = new();
    private Shared _shared;
    private delegate*<void*, int, int, void> _body;
    private void* _job;
    private int _tasks;
    private bool _stopping;
    private int _running;
    private Exception? _fault;
    private FloatBuffer _scratch = new(0);

    /// <param name="threads">Workers including the caller; 0 means one a core.</param>
    public WorkerPool(int threads = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        Count = threads == 0 ? Environment.ProcessorCount : threads;
        _threads = new Thread[Count - 1];
        for (var i = 0; i < _threads.Length; i++)
        {
            var worker = i + 1;
            _threads[i] = new Thread(() => Loop(worker)) { IsBackground = true, Name = $"wisp worker {worker}" };
            _threads[i].Start();
        }
    }

    /// <summary>Workers including the caller.</summary>
    public int Count { get; }

    /// <summary>
    /// Memory for the partial results of one kernel, kept from call to call; its contents are whatever was left there.
    /// </summary>
    internal float* Scratch(int floats)
    {
        if (_scratch.Length < floats)
        {
            _scratch.Dispose();
            _scratch = new FloatBuffer(floats);
        }

        fixed (float* p = _scratch.Span) // native memory: the address stays good after the block
            return p;
    }

    /// <summary>Runs body(job, task, worker) for every task in [0, tasks), on all workers, and waits for the last.</summary>
    /// <exception cref="InvalidOperationException">A body threw (the first fault is inside), or the pool is busy.</exception>
    internal void Run(delegate*<void*, int, int, void> body, void* job, int tasks)
    {
        ObjectDisposedException.ThrowIf(_stopping, this);
        if (tasks <= 0)
            return;
        if (Interlocked.Exchange(ref _running, 1) != 0)
            throw new InvalidOperationException("The pool is running a kernel: a pool serves one thread, one kernel at a time.");

        _body = body;
        _job = job;
        _tasks = tasks;
        _fault = null;
        Volatile.Write(ref _shared.NextTask, 0);
        if (tasks == 1 || Count == 1)
        {
            Work(0);
        }
        else
        {
            Volatile.Write(ref _shared.Busy, Count - 1);
            Publish();
            Work(0);
            // Spin for the stragglers; give the core away now and then, in case one of them has lost its own.
            for (var spins = 1; Volatile.Read(ref _shared.Busy) != 0; spins++)
            {
                Thread.SpinWait(1);
                if (spins % 4096 == 0)
                    Thread.Yield();
            }
        }

        Volatile.Write(ref _running, 0);
        if (_fault is { } fault)
            throw new InvalidOperationException($"A kernel failed: {fault.Message}", fault);
    }

    /// <summary>The same for body(task, worker) as a closure, where its allocation does not matter.</summary>
    internal void Run(Action<int, int> body, int tasks) => Run(&Invoke, Unsafe.AsPointer(ref body), tasks);

    // The reference lies on the caller's stack, which stands still until the last task is done.
    private static void Invoke(void* body, int task, int worker) => Unsafe.AsRef<Action<int, int>>(body)(task, worker);

    // Sleepers wait for a condition, not for a permit: a permit could be taken by a worker that has finished this job
    // and parked again, and the one it was meant for would sleep on while everybody waits for it.
    private void Publish()
    {
        Interlocked.Increment(ref _shared.Generation);
        if (Volatile.Read(ref _shared.Parked) == 0)
            return;
        lock (_gate)
            Monitor.PulseAll(_gate);
    }

    // Whatever a body throws is kept for the caller: a worker must not take the process down, and the caller must not
    // leave while others still read the job on its stack.
    private void Work(int worker)
    {
        try
        {
            int task;
            while ((task = Interlocked.Increment(ref _shared.NextTask) - 1) < _tasks)
                _body(_job, task, worker);
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _fault, e, null);
        }
    }

    private void Loop(int worker)
    {
        for (var seen = 0; ; Interlocked.Decrement(ref _shared.Busy))
        {
            for (var spins = 0; spins < SpinsBeforePark && Volatile.Read(ref _shared.Generation) == seen; spins++)
                Thread.SpinWait(1);
            if (Volatile.Read(ref _shared.Generation) == seen)
                Park(seen);

            seen = Volatile.Read(ref _shared.Generation);
            if (_stopping)
                return;
            Work(worker);
        }
    }

    private void Park(int seen)
    {
        lock (_gate)
        {
            // Announce first, then look again: a job published in between has seen the announcement or is seen here.
            Interlocked.Increment(ref _shared.Parked);
            while (Volatile.Read(ref _shared.Generation) == seen)
                Monitor.Wait(_gate);
            Interlocked.Decrement(ref _shared.Parked);
        }
    }

    public void Dispose()
    {
        if (_stopping)
            return;
        _stopping = true;
        Publish();
        foreach (var thread in _threads)
            thread.Join();
        _scratch.Dispose();
    }
}
