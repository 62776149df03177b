using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Run;

/// <summary>
/// Continues any number of prompts at once. One thread steps the model: every pass takes one token of each running
/// request and fills up with pieces of prompts, so no prompt holds up the others; prefixes that requests share are
/// computed once and stored once.
/// </summary>
/// <remarks>
/// Deterministic: a request's tokens depend on the request and the weights alone. Every kernel computes a row in an
/// order of its own, so neither the other requests, nor what the cache already held, nor the number of threads changes
/// a bit of its logits.
/// Memory is promised before a request starts: it waits until all blocks that it may ever need can be had, so a running
/// request never runs out.
/// </remarks>
public sealed class Engine : IAsyncDisposable
{
    private readonly ModelConfig _config;
    private readonly EngineOptions _options;
    private readonly WorkerPool _pool;
    private readonly bool _ownsPool;
    private readonly TokenCore _core;
    private readonly KvCache _cache;
    private readonly Queue<EngineStream> _waiting = new(); // guarded by itself
    private readonly List<EngineJob> _jobs = [], _readers = [];
    private readonly SemaphoreSlim _work = new(0);
    private readonly Task _loop;
    private readonly EngineBatch _batch;
    private volatile bool _stopping;
    private int _first; // whose turn it is to be the first for a piece of its prompt

    /// <param name="weights">Kept alive by the caller until the engine is disposed.</param>
    /// <param name="pool">Threads to compute with; null makes one of all cores.</param>
    public Engine(DecoderWeights weights, EngineOptions? options = null, WorkerPool? pool = null)
    {
        _config = weights.Config;
        _options = (options ?? new EngineOptions()).Checked(_config.Context);
        _cache = new KvCache(_config, KvCache.BlocksFor(_options.CacheTokens), _options.Kv);
        (_pool, _ownsPool) = (pool ?? new WorkerPool(), pool is null);
        _core = new TokenCore(weights, _pool, _cache, _options.Rows, _options.Context);
        _batch = new EngineBatch(_core);
        _loop = Task.Factory.StartNew(Loop, TaskCreationOptions.LongRunning);
    }

    /// <summary>Tokens that one request may hold.</summary>
    public int Context => _options.Context;

    /// <summary>Blocks of keys and values; read it when nothing runs, or as an estimate.</summary>
    public KvUse Use => _cache.Use;

    /// <summary>Rows that passes computed since the start: prompt tokens, written ones and guesses.</summary>
    public long ComputedRows => _core.ComputedRows;

    /// <summary>Puts a request in the queue.</summary>
    /// <exception cref="ArgumentException">It can never run: empty, too long, or with options out of range.</exception>
    public EngineStream Start(EngineRequest request, CancellationToken cancel = default)
    {
        ObjectDisposedException.ThrowIf(_stopping, this);
        request = request with { Prompt = [.. request.Prompt] }; // what was checked stays as it was
        if (request.Prompt.Count == 0)
            throw new ArgumentException("The prompt is empty; a text begins with a token.");
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(request.MaxTokens, nameof(request));
        if (request.Prompt.Count + (long)request.MaxTokens > Context)
            throw new PromptTooLongException(
                $"The prompt has {request.Prompt.Count:N0} tokens and {request.MaxTokens:N0} more are asked for; the " +
                $"context holds {Context:N0}. Shorten the prompt or ask for fewer.");
        foreach (var token in request.Prompt)
            if ((uint)token >= (uint)_config.Vocabulary)
                throw new ArgumentException($"Token {token} is outside the vocabulary of {_config.Vocabulary}.");
        request.Sampling.Check();
        if (request.Adapter is { } adapter && !ReferenceEquals(adapter.Config, _config))
            throw new ArgumentException($"{adapter.Path}: the adapter was opened for another model.");
        var stream = new EngineStream(request, cancel);
        lock (_waiting)
        {
            _waiting.Enqueue(stream);
        }

        _work.Release();
        return stream;
    }

    /// <summary>Ends all requests as cancelled, and the thread.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stopping)
            return;
        _stopping = true;
        _work.Release();
        await _loop.ConfigureAwait(false);
        _core.Dispose();
        _cache.Dispose();
        if (_ownsPool)
            _pool.Dispose();
    }

    private void Loop()
    {
        while (!_stopping)
        {
            try
            {
                Sweep();
                Admit();
                if (_jobs.Count == 0)
                    _work.Wait();
                else
                    Step();
            }
            catch (Exception e)
            {
                // A fault of one pass ends the requests of that pass and not the engine.
                foreach (var job in _jobs)
                    End(job, GenerationEnd.None, e);
                _jobs.Clear();
            }
        }

        foreach (var job in _jobs)
            End(job, GenerationEnd.Cancelled);
        lock (_waiting)
            while (_waiting.TryDequeue(out var stream))
                stream.Finish(GenerationEnd.Cancelled);
    }

    // Cancelled requests leave before the next pass, those too that have not begun.
    private void Sweep()
    {
        for (var i = _jobs.Count - 1; i >= 0; i--)
        {
            if (!_jobs[i].Stream.IsCancelled)
                continue;
            End(_jobs[i], GenerationEnd.Cancelled);
            _jobs.RemoveAt(i);
        }

        lock (_waiting)
        {
            if (!_waiting.Any(stream => stream.IsCancelled))
                return;
            EngineStream[] all = [.. _waiting];
            _waiting.Clear();
            foreach (var stream in all)
                if (stream.IsCancelled)
                    stream.Finish(GenerationEnd.Cancelled);
                else
                    _waiting.Enqueue(stream);
        }
    }

    // First come, first served: a large request is not overtaken for ever by small ones.
    private void Admit()
    {
        while (_jobs.Count < _options.MaxRequests)
        {
            EngineStream? stream;
            lock (_waiting)
                if (!_waiting.TryPeek(out stream))
                    return;
            try
            {
                // What it may ever take must be there beside what the others may still take.
                var job = new EngineJob(stream, _cache, _config.Vocabulary);
                if (job.BlocksLeft + _jobs.Sum(j => j.BlocksLeft) > _cache.Available)
                {
                    job.Dispose();
                    return;
                }

                _jobs.Add(job);
            }
            catch (Exception e)
            {
                stream.Finish(GenerationEnd.None, e); // it must not stand in front of the others for ever
            }

            lock (_waiting)
                _waiting.Dequeue();
        }
    }

    private void Step()
    {
        _batch.Clear();
        // Running requests first: a row each. Guesses take what those leave but for a block, and prompts the rest.
        var running = _jobs.Count(job => !job.IsReadingPrompt);
        var kept = running < _jobs.Count ? KvStore.BlockTokens : 0;
        foreach (var job in _jobs)
        {
            if (job.IsReadingPrompt)
                continue;
            running--;
            var room = Math.Min(_options.Lookahead, _batch.Room - 1 - running - kept);
            _batch.AddNext(job, room > 0 ? job.Guess(room) : []);
        }

        // Prompts in equal shares, in turn. A block that two of them lack is computed for one; the other finds it in
        // the cache at its next turn.
        _readers.Clear();
        for (var i = 0; i < _jobs.Count; i++)
        {
            var job = _jobs[(_first + i) % _jobs.Count];
            if (!job.IsReadingPrompt)
                continue;
            job.Extend();
            if (!_readers.Exists(other => other.WantsSameBlock(job)))
                _readers.Add(job);
        }

        for (var i = 0; i < _readers.Count; i++)
            _batch.AddPrompt(_readers[i], _batch.Room / (_readers.Count - i));

        _first++;
        foreach (var job in _batch.Run())
        {
            job.Dispose();
            _jobs.Remove(job);
        }
    }

    private static void End(EngineJob job, GenerationEnd end, Exception? fault = null)
    {
        job.Ended(end, fault);
        job.Dispose();
    }
}
