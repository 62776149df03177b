using System.Diagnostics.Metrics;
using Wisp.Serve.Http;
using Wisp.Serve.Watching;

namespace Wisp.Serve.Loading;

/// <summary>
/// The models in memory: loaded when they are first asked for, kept while they are in use and for a while after.
/// </summary>
internal sealed class ModelPool : IAsyncDisposable
{
    private sealed class Slot(ShelfEntry entry)
    {
        public ShelfEntry Entry { get; } = entry;
        public Task<LoadedModel>? Loading;
        public int Leases;
        public DateTimeOffset Used;
        public TimeSpan? KeepFor; // null means the server's
    }

    private static readonly TimeSpan s_sweep = TimeSpan.FromSeconds(1);

    private readonly ServeOptions _options;
    private readonly Telemetry _telemetry;
    private readonly Dictionary<string, Slot> _slots = new(StringComparer.Ordinal); // guarded by itself
    private readonly ITimer _timer;
    private readonly CancellationTokenSource _end = new();

    public ModelPool(ServeOptions options, ModelShelf shelf, Telemetry telemetry)
    {
        (_options, _telemetry, Shelf) = (options, telemetry, shelf);
        telemetry.Watch("wisp.requests", "{request}", "Requests that run and wait", () => Measured((model, add) =>
        {
            add("running", model.Gate.Running);
            add("waiting", model.Gate.Waiting);
        }));
        telemetry.Watch("wisp.kv.blocks", "{block}", "Blocks of 16 tokens of keys and values", () => Measured(
            (model, add) =>
            {
                if (!model.Writes)
                    return;
                var use = model.Writer.Engine.Use;
                add("used", use.Used);
                add("idle", use.Idle);
                add("free", use.Free);
            }));
        _timer = options.Time.CreateTimer(_ => Sweep(), null, s_sweep, s_sweep);
    }

    public ModelShelf Shelf { get; }

    /// <summary>The models in memory, and until when each stays unasked.</summary>
    public IReadOnlyList<(LoadedModel Model, DateTimeOffset? Until)> Loaded
    {
        get
        {
            lock (_slots)
                return [.. _slots.Values.Where(slot => slot.Loading is { IsCompletedSuccessfully: true })
                    .Select(slot => (slot.Loading!.Result, UntilOf(slot)))];
        }
    }

    /// <summary>A model by its name, the default one for null; it stays until the lease is disposed.</summary>
    /// <exception cref="ApiException">There is none, it cannot be read, or all places are taken.</exception>
    public async Task<ModelLease> Take(string? name, CancellationToken cancel)
    {
        name ??= Shelf.DefaultId ?? throw ApiException.Invalid(
            "you must provide a model parameter", "model", "missing_required_parameter");
        var entry = Shelf.Find(name) ?? throw NotFound(name);
        Slot slot;
        Slot? evicted;
        lock (_slots)
        {
            ObjectDisposedException.ThrowIf(_end.IsCancellationRequested, this);
            evicted = MakeRoom(entry);
            if (!_slots.TryGetValue(entry.Id, out var found))
                _slots[entry.Id] = found = new Slot(entry);
            slot = found;
            slot.Leases++;
            slot.Loading ??= Task.Run(() => LoadedModel.Open(entry, _options, _telemetry, _end.Token));
        }

        await Drop(evicted);
        try
        {
            return new ModelLease(await slot.Loading.WaitAsync(cancel), this, slot.Entry.Id);
        }
        catch (Exception e)
        {
            lock (_slots)
            {
                slot.Leases--;
                if (slot.Loading is { IsFaulted: true } or { IsCanceled: true }
                    && _slots.GetValueOrDefault(entry.Id) == slot)
                    _slots.Remove(entry.Id); // the next request tries again
            }

            if (e is OperationCanceledException or ApiException)
                throw;
            throw new ApiException(500, $"The model '{entry.Id}' cannot be loaded: {e.Message}", e)
            {
                Param = "model", Code = "model_not_loaded",
            };
        }
    }

    /// <summary>Gives a model back.</summary>
    /// <param name="keepFor">How long it stays unused, where the request says so; negative is for ever.</param>
    public void Return(string id, TimeSpan? keepFor)
    {
        lock (_slots)
        {
            var slot = _slots[id];
            slot.Leases--;
            slot.Used = _options.Time.GetUtcNow();
            slot.KeepFor = keepFor ?? slot.KeepFor;
        }

        if (keepFor == TimeSpan.Zero)
            Sweep();
    }

    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync();
        List<Slot> slots;
        lock (_slots)
        {
            if (_end.IsCancellationRequested)
                return;
            _end.Cancel();
            slots = [.. _slots.Values];
            _slots.Clear();
        }

        foreach (var slot in slots)
            await Drop(slot);
        _end.Dispose();
    }

    internal ApiException NotFound(string name) => new(404, $"The model '{name}' does not exist. There are: " +
        $"{string.Join(", ", Shelf.Entries.Select(entry => entry.Id))}.")
    {
        Param = "model", Code = "model_not_found",
    };

    private List<Measurement<long>> Measured(Action<LoadedModel, Action<string, long>> read)
    {
        var found = new List<Measurement<long>>();
        foreach (var (model, _) in Loaded)
            read(model, (state, value) => found.Add(new Measurement<long>(value,
                new("gen_ai.request.model", model.Id), new("state", state))));
        return found;
    }

    private DateTimeOffset? UntilOf(Slot slot)
    {
        var keep = slot.KeepFor ?? (_options.IdleAfter > TimeSpan.Zero ? _options.IdleAfter : TimeSpan.MinValue);
        return keep < TimeSpan.Zero ? null : slot.Used + keep;
    }

    // Called under the lock: takes the model unused for longest out where a new one needs its place.
    private Slot? MakeRoom(ShelfEntry wanted)
    {
        if (_slots.ContainsKey(wanted.Id) || _slots.Count < _options.MaxLoaded)
            return null;
        var oldest = _slots.Values.Where(slot => slot.Leases == 0).MinBy(slot => slot.Used)
            ?? throw new ApiException(503, $"{_options.MaxLoaded} models are in memory and all of them answer " +
                $"requests; '{wanted.Id}' has to wait for one to end.")
            {
                Code = "models_busy", RetryAfter = TimeSpan.FromSeconds(5),
            };
        _slots.Remove(oldest.Entry.Id);
        return oldest;
    }

    private void Sweep()
    {
        List<Slot> idle;
        lock (_slots)
        {
            var now = _options.Time.GetUtcNow();
            idle = [.. _slots.Values.Where(slot => slot.Leases == 0 && UntilOf(slot) <= now)];
            foreach (var slot in idle)
                _slots.Remove(slot.Entry.Id);
        }

        foreach (var slot in idle)
            _ = Drop(slot);
    }

    private static async Task Drop(Slot? slot)
    {
        if (slot?.Loading is not { } loading)
            return;
        try
        {
            await (await loading).DisposeAsync();
        }
        catch (Exception) when (!loading.IsCompletedSuccessfully)
        {
            // It was never in memory; whoever asked for it has been told.
        }
    }
}

/// <summary>The use of a model by one request.</summary>
internal sealed class ModelLease(LoadedModel model, ModelPool pool, string id) : IDisposable
{
    private bool _returned;

    public LoadedModel Model => model;

    /// <summary>How long the model stays unused, where the request says so; negative is for ever.</summary>
    public TimeSpan? KeepFor { get; set; }

    public void Dispose()
    {
        if (!Interlocked.Exchange(ref _returned, true))
            pool.Return(id, KeepFor);
    }
}
