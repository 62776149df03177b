using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Run;

/// <summary>
/// One sequence of tokens going through a model: what was fed so far stays in the KV cache, so that a new token costs
/// one pass over the weights. When the context is full the older half of it is forgotten and the newer half is read
/// again.
/// </summary>
/// <remarks>
/// What the cache holds depends on the number of tokens alone, not on how they were fed: with a context of T, the first
/// T − ⌊T/2⌋ tokens that it holds are forgotten whenever one more would not fit. run.cs slides by the same rule.
/// </remarks>
public sealed class Session : IDisposable
{
    // Rows of one prefill pass: tall enough for full speed of the products, small enough to stay in the caches.
    private const int Chunk = 512;

    private readonly Decoder _decoder;
    private readonly KvStore _store;
    private readonly int[] _blocks; // all blocks of the store, in order: the one sequence owns them
    private readonly FloatBuffer _logits;
    private readonly LoraAdapter? _adapter;
    private readonly List<int> _tokens = []; // what the cache holds

    /// <param name="context">Tokens the cache holds; 0 means the context the model was trained for.</param>
    /// <param name="kv">How keys and values are kept.</param>
    /// <param name="adapter">What changes the weights; null leaves them as they are.</param>
    public Session(DecoderWeights weights, WorkerPool pool, int context = 0, KvType kv = KvType.F32,
        LoraAdapter? adapter = null)
    {
        var config = weights.Config;
        ArgumentOutOfRangeException.ThrowIfNegative(context);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(context, config.Context);
        _adapter = adapter;
        Context = context == 0 ? config.Context : context;
        _blocks = [.. Enumerable.Range(0, (Context + KvStore.BlockTokens - 1) / KvStore.BlockTokens)];
        var bytes = _blocks.Length * KvStore.BytesPerBlock(config.Layers, config.KvHeads, config.HeadDim, kv);
        if (bytes > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
            throw new ArgumentException(
                $"The keys and values of {Context} tokens need {bytes:n0} bytes; this machine has " +
                $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes:n0}. Use a shorter context.");
        _store = new KvStore(_blocks.Length, config.Layers, config.KvHeads, config.HeadDim, kv);
        _decoder = new Decoder(weights, pool, Math.Min(Chunk, Context), Context);
        _logits = new FloatBuffer(config.Vocabulary);
    }

    public int Context { get; }

    /// <summary>Feeds tokens and returns the logits, (V), of what follows the last; valid until the next.</summary>
    public ReadOnlySpan<float> Feed(scoped ReadOnlySpan<int> tokens)
    {
        if (tokens.IsEmpty)
            throw new ArgumentException("There is nothing to feed.", nameof(tokens));
        var tooMany = (long)_tokens.Count + tokens.Length - Context;
        if (tooMany > 0)
            tokens = Slide(tokens, tooMany);
        var last = 0;
        for (; !tokens.IsEmpty; tokens = tokens[last..])
        {
            last = Math.Min(tokens.Length, Chunk);
            Forward(tokens[..last]);
        }

        _decoder.Logits(_logits.Span, last - 1);
        return _logits.Span;
    }

    // Positions of what is kept begin at 0 again, where the model was trained; its keys are turned to other angles by
    // that, so it has to be read again. What a long text would push out before its end is not read at all.
    private int[] Slide(ReadOnlySpan<int> tokens, long tooMany)
    {
        var step = Context - (Context / 2);
        int[] all = [.. _tokens, .. tokens];
        _tokens.Clear();
        return all[(int)((tooMany + step - 1) / step * step)..];
    }

    /// <summary>
    /// Feeds tokens, which must fit the rest of the context, and fills logits, (N, V), with what follows each of them.
    /// </summary>
    public void FeedEvery(ReadOnlySpan<int> tokens, Span<float> logits)
    {
        var V = _decoder.Config.Vocabulary;
        if (tokens.Length > Context - _tokens.Count)
            throw new ArgumentException(
                $"{tokens.Length} tokens after {_tokens.Count} do not fit a context of {Context}.", nameof(tokens));
        ArgumentOutOfRangeException.ThrowIfNotEqual(logits.Length, (long)tokens.Length * V, nameof(logits));
        for (var at = 0; at < tokens.Length; at += Chunk)
        {
            var n = Math.Min(tokens.Length - at, Chunk);
            Forward(tokens.Slice(at, n));
            _decoder.Logits(logits.Slice(at * V, n * V), 0, n);
        }
    }

    private void Forward(scoped ReadOnlySpan<int> tokens)
    {
        var used = (_tokens.Count + tokens.Length + KvStore.BlockTokens - 1) / KvStore.BlockTokens;
        _decoder.Forward(
            tokens, [new DecoderRun(_tokens.Count, tokens.Length, _blocks.AsMemory(0, used), _adapter)], _store);
        _tokens.AddRange(tokens);
    }

    /// <summary>Forgets everything: the next token begins a new sequence.</summary>
    public void Clear() => _tokens.Clear();

    public void Dispose()
    {
        _decoder.Dispose();
        _store.Dispose();
        _logits.Dispose();
    }
}
