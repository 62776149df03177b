using System.Runtime.InteropServices;

namespace Wisp.Compute;

/// <summary>
/// A fixed set of threads that run one kernel at a time: the caller is worker 0, the others wait for the next job by
/// spinning for a short while and then parking. A job is a static function, a pointer to its arguments on the caller's
/// stack and a number of tasks; tasks are claimed in order by an atomic counter, and the call returns when all are done.
/// </summary>
/// <remarks>
/// Nothing is allocated by <see cref="Run"/>. Kernels give every task its own outputs, so results do not depend on which
/// worker ran which task. One job at a time: a pool is used by one thread, and a kernel never calls Run again.
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
    private readonly SemaphoreSlim _wake = new(0);
    private Shared _shared;
    private delegate*<void*, int, int, void> _body;
    private void* _job;
    private int _tasks;
    private bool _stopping;
    private Exception? _fault;
    private readonly Scratch[] _scratch;

    private struct Scratch
    {
        public float* At;
        public nuint Floats;
    }

    /// <param name="threads">Workers including the caller; 0 means one a core.</param>
    public WorkerPool(int threads = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        Count = threads == 0 ? Environment.ProcessorCount : threads;
        _scratch = new Scratch[Count + 1];
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

    /// <summary>Memory that one worker may use within one task; grows to the largest size asked for, and keeps it.</summary>
    internal float* ScratchOf(int worker, nuint floats)
    {
        ref var scratch = ref _scratch[worker];
        if (scratch.Floats < floats)
        {
            NativeMemory.AlignedFree(scratch.At);
            scratch.At = (float*)NativeMemory.AlignedAlloc(floats * sizeof(float), 64);
            scratch.Floats = floats;
        }

        return scratch.At;
    }

    /// <summary>Memory that the caller of a kernel shares with all workers while it runs.</summary>
    internal float* SharedScratch(nuint floats) => ScratchOf(Count, floats);

    /// <summary>Bytes of scratch that the kernels have asked for so far.</summary>
    public long ScratchBytes => _scratch.Sum(s => (long)s.Floats * sizeof(float));

    /// <summary>Runs body(job, task, worker) for every task in [0, tasks), on all workers, and waits for the last.</summary>
    internal void Run(delegate*<void*, int, int, void> body, void* job, int tasks)
    {
        if (tasks <= 0)
            return;
        if (tasks == 1 || Count == 1)
        {
            for (var t = 0; t < tasks; t++)
                body(job, t, 0);
            return;
        }

        _body = body;
        _job = job;
        _tasks = tasks;
        Volatile.Write(ref _shared.NextTask, 0);
        Volatile.Write(ref _shared.Busy, Count - 1);
        Interlocked.Increment(ref _shared.Generation); // publishes the job
        var parked = Volatile.Read(ref _shared.Parked);
        if (parked > 0)
            _wake.Release(parked);

        Work(0);
        // Spin for the stragglers; give the core away now and then, in case one of them has lost its own.
        for (var spins = 1; Volatile.Read(ref _shared.Busy) != 0; spins++)
        {
            Thread.SpinWait(10);
            if (spins % 512 == 0)
                Thread.Yield();
        }

        if (_fault is { } fault)
        {
            _fault = null;
            throw new InvalidOperationException($"A kernel failed on a worker: {fault.Message}", fault);
        }
    }

    private void Work(int worker)
    {
        int task;
        while ((task = Interlocked.Increment(ref _shared.NextTask) - 1) < _tasks)
            _body(_job, task, worker);
    }

    private void Loop(int worker)
    {
        var seen = 0;
        while (true)
        {
            var spins = 0;
            while (Volatile.Read(ref _shared.Generation) == seen)
            {
                if (++spins < SpinsBeforePark)
                {
                    Thread.SpinWait(10);
                    continue;
                }

                // Announce first, look again, then sleep: a job published in between has seen the announcement or is seen here.
                Interlocked.Increment(ref _shared.Parked);
                if (Volatile.Read(ref _shared.Generation) == seen)
                    _wake.Wait();
                Interlocked.Decrement(ref _shared.Parked);
                spins = 0;
            }

            seen = Volatile.Read(ref _shared.Generation);
            if (_stopping)
                return;
            try
            {
                Work(worker);
            }
            catch (Exception e) // a worker must never take the process down; the caller rethrows
            {
                _fault = e;
            }

            Interlocked.Decrement(ref _shared.Busy);
        }
    }

    public void Dispose()
    {
        if (_stopping)
            return;
        _stopping = true;
        Interlocked.Increment(ref _shared.Generation);
        _wake.Release(_threads.Length + 1);
        foreach (var thread in _threads)
            thread.Join();
        _wake.Dispose();
        foreach (ref var scratch in _scratch.AsSpan())
            NativeMemory.AlignedFree(scratch.At);
    }
}
