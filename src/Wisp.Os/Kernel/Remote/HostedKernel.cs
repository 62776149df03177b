using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Memory;
using Wisp.Tools;

namespace Wisp.Kernel.Remote;

/// <summary>What a user's kernel is made of.</summary>
/// <param name="Core">Owned by the caller.</param>
/// <param name="Root">The driver over all paths.</param>
/// <param name="Journal">The journal's file.</param>
/// <param name="Socket">Where it listens.</param>
/// <param name="Model">What the model is called.</param>
public sealed record HostedKernelParts(ITokenCore Core, Driver Root, string Journal, string Socket, string Model)
{
    public required Func<AddressSpace> NewSpace { get; init; }

    /// <summary>The model of processes that name none; null is the core.</summary>
    public AskedModel? Default { get; init; }

    public KernelOptions Options { get; init; } = new();

    /// <summary>What a process is told of the tools that it may call; null tells of none.</summary>
    public Func<SpawnRequest, string>? Tools { get; init; }

    /// <summary>Whether keys and values may go to files beside the journal when memory is short.</summary>
    public bool Swaps { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Operating-system children of tools, ended with their processes.</summary>
    public OsChildren? Children { get; init; }
}

/// <summary>A user's kernel: on its journal, at its socket.</summary>
public sealed class HostedKernel : IAsyncDisposable
{
    private readonly Journal _journal;
    private readonly KernelServer _server;
    private readonly TimeProvider _time;
    private readonly DateTimeOffset _start;
    private long _decoded, _computed, _reused;

    private HostedKernel(HostedKernelParts parts)
    {
        (Socket, _time, _start) = (parts.Socket, parts.Time, parts.Time.GetUtcNow());
        KernelServer? server = null;
        _journal = Journal.Open(parts.Journal, out var past);
        try
        {
            var swap = parts.Swaps ? new KvSwap(parts.Core.Kv, $"{parts.Journal}.swap", parts.Time) : null;
            swap?.Begin(); // the journal is ours, so what lies there is nobody's
            Kernel = new WispKernel(
                new KernelParts(parts.Core, parts.Root, parts.Time, parts.NewSpace, _journal)
                {
                    Swap = swap, Tools = parts.Tools,
                    Past = past, Model = parts.Model, Ended = pid => parts.Children?.End(pid), Watch = Watch,
                    Default = parts.Default,
                }, parts.Options);
            _server = server = new KernelServer(Kernel, parts.Root, parts.Socket, Status);
        }
        catch
        {
            Kernel?.Dispose();
            _journal.Dispose();
            throw;
        }

        void Watch(JournalEntry entry)
        {
            if (entry.Event is Turned turned)
                (_decoded, _computed, _reused) = (_decoded + turned.Tokens.Length + turned.Written,
                    _computed + turned.Computed, _reused + turned.Reused);
            server?.Trace(entry);
        }

        KernelStatus Status() => new()
        {
            Model = parts.Model, Journal = parts.Journal, Ticks = Kernel.Ticks,
            Policy = parts.Options.Scheduling.Policy,
            KvUsed = parts.Core.Kv.Use.Used, KvIdle = parts.Core.Kv.Use.Idle, KvFree = parts.Core.Kv.Use.Free,
            KvBlockBytes = Run.KvCache.BytesPerBlock(parts.Core.Kv.Config, parts.Core.Kv.Store.Type),
            Seconds = (_time.GetUtcNow() - _start).TotalSeconds, DecodeTokens = _decoded, PrefillTokens = _computed,
            ReusedTokens = _reused,
        };
    }

    public WispKernel Kernel { get; }

    public string Socket { get; }

    /// <summary>What the journal had lost.</summary>
    public IReadOnlyList<string> Damage => _journal.Damage;

    /// <summary>Opens the journal, takes up what runs in it, and listens.</summary>
    /// <exception cref="IOException">The journal or the socket cannot be had.</exception>
    public static HostedKernel Start(HostedKernelParts parts) => new(parts);

    /// <summary>
    /// An empty address space in a window: a third of it is for the answer. One in which pages could not be moved about
    /// is used as it is.
    /// </summary>
    public static AddressSpace Space(PromptCodec codec, int context)
    {
        var reserve = context / 3;
        return context - reserve < MemoryLimits.SmallestRoom ? new Transcript(codec)
            : new PagedMemory(codec, new MemoryLimits(context, reserve));
    }

    /// <summary>Runs until cancelled, on a thread of its own.</summary>
    /// <exception cref="JournalException">The journal cannot be written any more.</exception>
    public async Task RunAsync(CancellationToken cancel)
    {
        try
        {
            await Task.Factory.StartNew(
                () => Kernel.RunAsync(cancel).GetAwaiter().GetResult(), CancellationToken.None,
                TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // Asked for.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync().ConfigureAwait(false);
        Kernel.Dispose();
        _journal.Dispose();
    }
}
