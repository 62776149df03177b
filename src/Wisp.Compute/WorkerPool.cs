using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Wisp.Compute;

/// <summary>
/// A fixed set of threads that run one kernel at a time: the caller is worker 0, the others wait for the next job by
/// spinning for a short while and then parking. A job is a static function, a pointer to its arguments on the caller's
/// stack and a number of tasks; tasks are claimed one by one from an atomic ticket, and the call returns when all are
/// done.
/// </summary>
/// <remarks>
/// Running a job allocates nothing. Kernels give every task its own outputs, so results do not depend on which worker
/// ran which task. The caller waits for tasks, not for workers: one that has lost its core to another program, or is
/// still waking up, delays nobody unless it holds a task. One job at a time: a pool is used by one thread, and a kernel
/// never calls Run again; both are checked, because the alternative to an exception is a wrong number.
/// </remarks>
public sealed unsafe class WorkerPool : IDisposable
{
    // How long an idle worker spins before it parks: about 50 µs, longer than the gap between two kernels of a step and
    // far shorter than anything a person notices in a process list.
    private const int SpinsBeforePark = 1_000;

    // The low half of a ticket is the number of unclaimed tasks plus this: claims that come too late take it below, a
    // few for every worker, and must not borrow from the job's number in the high half.
    private const int NoneLeft = 1 << 20;

    private const int LineFloats = 32; // two cache lines, which CPUs fetch together

    private struct Job
    {
        public delegate*<void*, int, int, void> Body;
        public void* Argument;
        public int Tasks;
    }

    // The fields that threads hammer live on cache lines of their own; 128 bytes because CPUs fetch lines in pairs.
    [StructLayout(LayoutKind.Explicit, Size = 512)]
    private struct Shared
    {
        [FieldOffset(0)] public int Published; // the number of the newest job
        [FieldOffset(128)] public long Ticket; // job number << 32 | NoneLeft + unclaimed tasks
        [FieldOffset(256)] public int Done; // finished tasks of the newest job
        [FieldOffset(384)] public int Parked;
    }

    private readonly Thread[] _threads;
    private readonly object _gate = new();
    private Shared _shared;
    private Job _even, _odd; // by the job's number: a claimed task keeps its own from being overwritten, see Work
    private bool _stopping;
    private int _running;
    private Exception? _fault;
    private FloatBuffer? _scratch, _workerScratch;
    private readonly float** _scratchTable;

    /// <param name="threads">Workers including the caller; 0 means one a core.</param>
    public WorkerPool(int threads = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        Count = threads == 0 ? Environment.ProcessorCount : threads;
        _scratchTable = (float**)NativeMemory.AllocZeroed((nuint)Count, (nuint)sizeof(float*));
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
    /// Memory that the caller of a kernel shares with all workers while it runs, kept from call to call; its contents
    /// are whatever was left there.
    /// </summary>
    internal float* Scratch(int floats) => Grow(ref _scratch, floats);

    /// <summary>
    /// Memory for every worker by itself: entry w of the table is worker w's. Kept like <see cref="Scratch"/>.
    /// </summary>
    /// <remarks>
    /// All of it is one piece in huge pages: scattered over small ones, what a kernel keeps in the L2 cache would meet
    /// in the same sets by chance, for as long as the process lives.
    /// </remarks>
    internal float** WorkerScratch(int floats)
    {
        var each = (floats + LineFloats - 1) / LineFloats * LineFloats + LineFloats;
        var all = Grow(ref _workerScratch, FloatBuffer.WholeHugePages(checked(each * Count)));
        for (var worker = 0; worker < Count; worker++)
            _scratchTable[worker] = all + (nint)worker * each;
        return _scratchTable;
    }

    private static float* Grow(ref FloatBuffer? scratch, int floats)
    {
        if (scratch is null || scratch.Length < floats)
        {
            scratch?.Dispose();
            scratch = new FloatBuffer(floats);
        }

        fixed (float* p = scratch.Span) // native memory: the address stays good after the block
            return p;
    }

    /// <summary>Bytes of scratch that the kernels have asked for so far.</summary>
    public long ScratchBytes => (_scratch?.Bytes ?? 0) + (_workerScratch?.Bytes ?? 0);

    /// <summary>Runs body(argument, task, worker) for every task in [0, tasks) and waits for the last.</summary>
    /// <exception cref="InvalidOperationException">A body threw (first fault inside), or the pool is busy.</exception>
    internal void Run(delegate*<void*, int, int, void> body, void* argument, int tasks)
    {
        ObjectDisposedException.ThrowIf(_stopping, this);
        if (tasks <= 0)
            return;
        if (Interlocked.Exchange(ref _running, 1) != 0)
            throw new InvalidOperationException("The pool is busy: it serves one thread, one kernel at a time.");

        var number = _shared.Published + 1;
        JobOf(number) = new Job { Body = body, Argument = argument, Tasks = tasks };
        _fault = null;
        _shared.Done = 0;
        Interlocked.Exchange(ref _shared.Ticket, ((long)number << 32) | (uint)(NoneLeft + tasks));
        Publish(number, wake: tasks > 1);

        Work(0);
        // Spin for the stragglers; give the core away now and then, in case one of them has lost its own.
        for (var spins = 1; Volatile.Read(ref _shared.Done) != tasks; spins++)
        {
            Thread.SpinWait(1);
            if (spins % 512 == 0)
                Thread.Yield();
        }

        var fault = _fault;
        Volatile.Write(ref _running, 0);
        if (fault is not null)
            throw new InvalidOperationException($"A kernel failed: {fault.Message}", fault);
    }

    /// <summary>The same for body(task, worker) as a closure, where its allocation does not matter.</summary>
    internal void Run(Action<int, int> body, int tasks) => Run(&Invoke, Unsafe.AsPointer(ref body), tasks);

    // The reference lies on the caller's stack, which stands still until the last task is done.
    private static void Invoke(void* body, int task, int worker) => Unsafe.AsRef<Action<int, int>>(body)(task, worker);

    private ref Job JobOf(int number) => ref (number & 1) == 0 ? ref _even : ref _odd;

    // Sleepers wait for a condition, not for a permit: a permit could be taken by a worker that has finished this job
    // and parked again, and the one it was meant for would sleep on.
    private void Publish(int number, bool wake)
    {
        Interlocked.Exchange(ref _shared.Published, number);
        if (!wake || Volatile.Read(ref _shared.Parked) == 0)
            return;
        lock (_gate)
            Monitor.PulseAll(_gate);
    }

    // A ticket names its job, so a worker that comes late either finds nothing left or gets a task of the newest job.
    // A claimed task keeps its job from ending, and with it the job's slot and the caller's stack from being reused. A
    // ticket with nothing left promises nothing: its job may be over, and nothing of it is read.
    private void Work(int worker)
    {
        var done = 0;
        while (true)
        {
            var ticket = Interlocked.Decrement(ref _shared.Ticket);
            var left = (int)(ticket & uint.MaxValue) - NoneLeft;
            if (left < 0)
                break;

            ref var job = ref JobOf((int)(ticket >> 32));
            try
            {
                job.Body(job.Argument, job.Tasks - 1 - left, worker);
            }
            catch (Exception e)
            {
                // A worker must not take the process down, and the caller must not leave before the others.
                Interlocked.CompareExchange(ref _fault, e, null);
            }

            done++;
        }

        if (done > 0)
            Interlocked.Add(ref _shared.Done, done);
    }

    private void Loop(int worker)
    {
        for (var seen = 0; ;)
        {
            for (var spins = 0; spins < SpinsBeforePark && Volatile.Read(ref _shared.Published) == seen; spins++)
                Thread.SpinWait(1);
            if (Volatile.Read(ref _shared.Published) == seen)
                Park(seen);

            seen = Volatile.Read(ref _shared.Published);
            if (Volatile.Read(ref _stopping))
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
            while (Volatile.Read(ref _shared.Published) == seen)
                Monitor.Wait(_gate);
            Interlocked.Decrement(ref _shared.Parked);
        }
    }

    public void Dispose()
    {
        if (_stopping)
            return;
        Volatile.Write(ref _stopping, true);
        Publish(_shared.Published + 1, wake: true);
        foreach (var thread in _threads)
            thread.Join();
        _scratch?.Dispose();
        _workerScratch?.Dispose();
        NativeMemory.Free(_scratchTable);
    }
}
