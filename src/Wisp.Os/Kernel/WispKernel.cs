using System.Collections.Concurrent;
using Wisp.Guard;
using Wisp.Kernel.Budgets;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Kernel.Scheduling;
using Wisp.Memory;

namespace Wisp.Kernel;

/// <summary>What a kernel is made of.</summary>
/// <param name="Core">The model; owned by the caller.</param>
/// <param name="Root">The driver over all paths.</param>
/// <param name="Time">The clock.</param>
/// <param name="NewSpace">Makes an empty address space.</param>
/// <param name="Journal">Where events are kept; null keeps none, and nothing survives.</param>
public sealed record KernelParts(
    ITokenCore Core, Driver Root, TimeProvider Time, Func<AddressSpace> NewSpace, Journal? Journal = null)
{
    /// <summary>What a journal holds already.</summary>
    public IReadOnlyList<JournalEntry> Past { get; init; } = [];

    /// <summary>Called when a process is over: the place to end its operating-system children.</summary>
    public Action<Pid>? Ended { get; init; }

    /// <summary>Called with every event after it happened, on the kernel's thread: traces.</summary>
    public Action<JournalEntry>? Watch { get; init; }

    /// <summary>Called with every token that is written, on the kernel's thread: for those who watch.</summary>
    public Action<Pid, int>? Wrote { get; init; }

    /// <summary>Models that are asked and not stepped, by name.</summary>
    public IReadOnlyDictionary<string, AskedModel> Models { get; init; } = new Dictionary<string, AskedModel>();

    /// <summary>The model of processes that name none; null is the core.</summary>
    public AskedModel? Default { get; init; }

    internal bool AsksAll { get => field || Default is not null; init; }

    /// <summary>What a process is told of the tools that it may call; null tells of none.</summary>
    public Func<SpawnRequest, string>? Tools { get; init; }

    /// <summary>Takes keys and values to files when memory is short; null reads them again instead.</summary>
    public KvSwap? Swap { get; init; }

    /// <summary>Whether a journal is run again: what came from outside comes from there.</summary>
    internal bool IsReplay { get; init; }

    /// <summary>What the journal calls the model.</summary>
    public string Model { get; init; } = "";
}

/// <summary>
/// The kernel: an ordinary, deterministic program. The model is a co-processor that it steps; what the model writes is
/// user mode, and enters as parsed calls through one gate.
/// </summary>
/// <remarks>
/// State is what events make of it (<see cref="KernelEvent"/>): an event is written to the journal first and then
/// applied, by the same code whether it happens or is read back. Beside that there is only what a crash may take: half
/// a turn, keys and values, queues. Inputs (messages, signals, answers, results of drivers) are taken in at the start
/// of a tick, in order; everything else follows from them, from the clock and from the model. One thread ticks; the
/// other methods may be called from any.
/// </remarks>
public sealed partial class WispKernel : IDisposable
{
    private readonly KernelParts _parts;
    private readonly KernelOptions _options;
    private readonly SyscallGate _gate;
    private readonly Scheduler _scheduler;
    private readonly Concurrency _concurrency = new();
    private readonly Budget _budget = new("all of wisp");
    private readonly SortedDictionary<int, Process> _processes = [];
    private readonly Dictionary<int, ProcessExit> _exits = [];
    private readonly SortedDictionary<int, OpenAsk> _asks = [];
    private readonly ConcurrentQueue<Input> _inbox = new();
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Dictionary<int, TaskCompletionSource<ProcessExit>> _waiters = [];
    private long _sequence, _tick;
    private int _lastPid, _lastAsk;
    private readonly bool _folding; // while the constructor reads a journal again
    private bool _disposed;
    private DateTimeOffset _now;
    private string? _fault;

    private sealed record Input(KernelEvent? Event, TaskCompletionSource<Pid>? Done = null, Action? Query = null)
    {
        /// <summary>Of a process that begins.</summary>
        public AskedModel? Own { get; init; }

        /// <summary>The turn that it is the end of; where that was given up, it is nothing.</summary>
        public RemoteTurn? Of { get; init; }
    }

    /// <exception cref="JournalException">The journal cannot be written.</exception>
    public WispKernel(KernelParts parts, KernelOptions? options = null)
    {
        (_parts, _options) = (parts, options ?? new KernelOptions());
        _gate = new SyscallGate(parts.Root, _options);
        _scheduler = new Scheduler(_options.Scheduling);
        foreach (var (resource, limit) in _options.Limits)
            _budget.Set(resource, limit);
        _now = _lastWall = Now();
        _folding = true;
        foreach (var entry in parts.Past)
        {
            (_sequence, _tick) = (entry.Sequence, entry.Tick);
            Apply(entry.Event);
        }

        _folding = false;
        Emit(new Booted(_options.Program, _parts.Model, Core.Kv.Store.Blocks, Core.Context, Core.Rows, _options)
        {
            AsksAll = _parts.AsksAll,
        }, isInput: true);
        HoldDamaged();
        foreach (var process in _processes.Values.ToList())
            if (process.Request.Ephemeral)
                End(process, 1, "the kernel that it ran in is gone, and with it whoever read it");
            else
                Go(process);
    }

    /// <summary>Steps so far.</summary>
    public long Ticks => _tick;

    /// <summary>Why the kernel does nothing any more; null while it does.</summary>
    public string? Fault => _fault;

    /// <summary>Calls that drivers are at.</summary>
    internal int DriversAtWork => _processes.Values.Sum(
        p => p.Calls.Count(c => c.Cancel is not null) + (p.Asking is null ? 0 : 1));

    /// <summary>Processes that may have a turn under way.</summary>
    internal int Concurrency => _concurrency.Limit;

    internal bool HasInput => !_inbox.IsEmpty;

    public Budget Budget => _budget;

    /// <summary>Starts a process for the user.</summary>
    /// <exception cref="ArgumentException">The request cannot be.</exception>
    /// <param name="own">Its model, which also sees what it does; null takes the one that the request names.</param>
    public Task<Pid> SpawnAsync(SpawnRequest request, AskedModel? own = null)
    {
        request.Check();
        return Post(new Spawned(0, 0, 0, request), own);
    }

    /// <summary>Starts a copy of a process, with a message of its own.</summary>
    public Task<Pid> ForkAsync(Pid pid, string name, string message) =>
        Post(new Forked(0, pid.Number, name, message, Label.From(Source.User).ToText()));

    /// <summary>Gives a process other instructions and an empty memory.</summary>
    public Task<Pid> ExecAsync(Pid pid, string name, string instructions, string message) =>
        Post(new Execed(pid.Number, name, instructions, message));

    /// <summary>Says something to a process; what it is at is finished first.</summary>
    public Task<Pid> SayAsync(Pid pid, string text) =>
        Post(new Said(pid.Number, text, Label.From(Source.User).ToText()));

    public Task<Pid> SignalAsync(Pid pid, Signal signal) => Post(new Signalled(pid.Number, signal));

    /// <summary>Signals all processes of a group.</summary>
    public async Task SignalGroupAsync(Pid group, Signal signal)
    {
        foreach (var pid in await QueryAsync(() => _processes.Values.Where(p => p.Group == group && !p.IsOver)
            .Select(p => p.Pid).ToList()).ConfigureAwait(false))
            await SignalAsync(pid, signal).ConfigureAwait(false);
    }

    public Task<Pid> ReniceAsync(Pid pid, SchedulingClass schedulingClass, double weight)
    {
        _ = new Share { Weight = weight };
        return Post(new Reniced(pid.Number, schedulingClass, weight));
    }

    /// <summary>Sets a limit of a process and all below it.</summary>
    public Task<Pid> LimitAsync(Pid pid, Resource resource, Limit limit) =>
        Post(new Limited(pid.Number, resource, limit.High, limit.Max));

    /// <summary>A person's answer to what was asked.</summary>
    public Task<Pid> AnswerAsync(int ask, bool yes, string text = "", int uses = 1) =>
        Post(new Answered(0, ask, yes, text, uses));

    /// <summary>The end of a process; the one it had where it is over.</summary>
    public async Task<ProcessExit> ExitAsync(Pid pid) => await (await QueryAsync(() =>
    {
        if (_exits.TryGetValue(pid.Number, out var exit))
            return Task.FromResult(exit);
        if (!_processes.ContainsKey(pid.Number))
            throw new ArgumentException($"There is no process {pid}.");
        if (!_waiters.TryGetValue(pid.Number, out var waiter))
            _waiters[pid.Number] = waiter = new(TaskCreationOptions.RunContinuationsAsynchronously);
        return waiter.Task;
    }).ConfigureAwait(false)).ConfigureAwait(false);

    /// <summary>All processes, by number.</summary>
    public Task<IReadOnlyList<ProcessReport>> ReportsAsync() => QueryAsync<IReadOnlyList<ProcessReport>>(
        () => [.. _processes.Values.Select(process => process.Report())]);

    /// <summary>Looks at every process and its memory, all at one moment.</summary>
    public Task<IReadOnlyList<T>> EachAsync<T>(Func<ProcessReport, AddressSpace, T> look) =>
        QueryAsync<IReadOnlyList<T>>(
            () => [.. _processes.Values.Select(process => look(process.Report(), process.Space))]);

    /// <summary>What a person is asked and has not answered.</summary>
    public Task<IReadOnlyList<AskReport>> AsksAsync() => QueryAsync<IReadOnlyList<AskReport>>(
        () => [.. _asks.Values.Select(ask => new AskReport(ask.Number, ask.Pid, ask.Kind, ask.Text))]);

    /// <summary>What a process has in mind, part by part.</summary>
    public Task<IReadOnlyList<PromptPart>> ContextAsync(Pid pid) => QueryAsync<IReadOnlyList<PromptPart>>(
        () => [.. Find(pid).Space.Prompt()]);

    /// <summary>Computes something on the kernel's thread, between two steps.</summary>
    public Task<T> QueryAsync<T>(Func<T> query)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Put(new Input(null, Query: () =>
        {
            try
            {
                done.SetResult(query());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        }));
        return done.Task;
    }

    /// <summary>
    /// One step: takes in what has come, then steps the model for those whose turn it is. Returns whether there is more
    /// to do at once.
    /// </summary>
    /// <exception cref="JournalException">The journal cannot be written: the kernel stands still from here on, and what
    /// was acknowledged is in the journal.</exception>
    public bool Tick()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_fault is not null)
            throw new JournalException(_fault);
        try
        {
            _tick++;
            _now = Now();
            Timers(); // time that has passed belongs to what was before the inputs
            Drain();
            return StepModel() || !_inbox.IsEmpty;
        }
        catch (JournalException e)
        {
            _fault = e.Message;
            foreach (var process in _processes.Values)
            {
                process.Asking?.Cancel.Cancel();
                foreach (var call in process.Calls)
                    call.Cancel?.Cancel();
            }

            GiveUp(_fault);
            throw;
        }
    }

    /// <summary>Ticks until cancelled; sleeps where there is nothing to do.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            if (Tick())
                continue;
            var due = NextDue();
            if (due is { } at)
            {
                var wait = at - _parts.Time.GetUtcNow();
                await _wake.WaitAsync(wait < TimeSpan.Zero ? TimeSpan.Zero
                    : wait > TimeSpan.FromMinutes(1) ? TimeSpan.FromMinutes(1) : wait, cancel).ConfigureAwait(false);
            }
            else
            {
                await _wake.WaitAsync(cancel).ConfigureAwait(false);
            }
        }
    }

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        foreach (var process in _processes.Values)
        {
            foreach (var call in process.Calls)
                call.Cancel?.Cancel();
            process.Asking?.Cancel.Cancel();
            FreeKeys(process);
            if (!process.IsOver)
                _parts.Ended?.Invoke(process.Pid);
        }

        GiveUp("the kernel has ended");
    }

    /// <summary>Takes in an event as it stands in a journal.</summary>
    internal void Inject(KernelEvent e) => Put(new Input(e));

    // As a journal keeps it.
    private DateTimeOffset Now() =>
        DateTimeOffset.FromUnixTimeMilliseconds(_parts.Time.GetUtcNow().ToUnixTimeMilliseconds());

    private Task<Pid> Post(KernelEvent e, AskedModel? own = null)
    {
        var done = new TaskCompletionSource<Pid>(TaskCreationOptions.RunContinuationsAsynchronously);
        Put(new Input(e, done) { Own = own });
        return done.Task;
    }

    private void Put(Input input)
    {
        _inbox.Enqueue(input);
        _wake.Release();
        if (_fault is not null || _disposed)
            Refuse(_fault ?? "the kernel has ended");
    }

    // Nothing moves any more: whoever waits is told.
    private void GiveUp(string why)
    {
        Refuse(why);
        foreach (var process in _processes.Values)
            if (!process.IsOver)
                process.Own?.Lost(why);
    }

    private void Refuse(string why)
    {
        while (_inbox.TryDequeue(out var input))
            input.Done?.TrySetException(new JournalException(why));
    }

    private void Drain()
    {
        while (_inbox.TryDequeue(out var input))
        {
            if (_wake.CurrentCount > 0)
                _wake.Wait(0);
            if (input.Query is { } query)
            {
                query();
                continue;
            }

            try
            {
                if (input.Of is { } turn
                    && _processes.GetValueOrDefault(input.Event!.Pid)?.Asking != turn)
                    continue; // it was interrupted meanwhile, and may be at another turn by now
                var pid = Take(input.Event!, input.Own);
                input.Done?.SetResult(pid);
            }
            catch (ArgumentException e)
            {
                input.Done?.SetException(e);
            }
            catch (JournalException e)
            {
                input.Done?.SetException(e); // not acknowledged
                throw;
            }
        }
    }

    private Process Find(Pid pid) => _processes.TryGetValue(pid.Number, out var process) && !process.IsOver ? process
        : throw new ArgumentException($"There is no process {pid}.");

    private void Emit(KernelEvent e, bool isInput = false, bool durable = false) => EmitAll([e], isInput, durable);

    // Written first, then applied: what was not acknowledged has not happened.
    private void EmitAll(IReadOnlyList<KernelEvent> events, bool isInput = false, bool durable = false)
    {
        var entries = new JournalEntry[events.Count];
        for (var i = 0; i < entries.Length; i++)
            entries[i] = new JournalEntry(
                _sequence + i + 1, _tick, _now.ToUnixTimeMilliseconds(), isInput, events[i]);
        _parts.Journal?.Append(entries, durable);
        _sequence += entries.Length;
        foreach (var entry in entries)
        {
            var own = _processes.GetValueOrDefault(entry.Event.Pid)?.Own;
            Apply(entry.Event);
            _parts.Watch?.Invoke(entry);
            own?.Saw(entry);
        }
    }
}

/// <summary>A question that waits for a person.</summary>
public sealed record AskReport(int Number, Pid Pid, AskKind Kind, string Text);
