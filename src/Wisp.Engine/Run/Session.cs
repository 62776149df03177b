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
    private const int Chunk = 128;

    private readonly Parameters _weights;
    private readonly Transformer _transformer;
    private readonly List<int> _tokens = []; // what the cache holds

    /// <param name="context">Tokens the cache holds; 0 means the context the model was trained for.</param>
    public Session(Parameters weights, WorkerPool pool, int context = 0)
    {
        var trained = weights.Map.Config.Context;
        ArgumentOutOfRangeException.ThrowIfNegative(context);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(context, trained);
        Context = context == 0 ? trained : context;
        _weights = weights;
        _transformer = new Transformer(weights.Map, pool, Math.Min(Chunk, Context), train: false, Context);
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
        ReadOnlySpan<float> logits = default;
        for (; !tokens.IsEmpty; tokens = tokens[Math.Min(tokens.Length, Chunk)..])
            logits = Forward(tokens[..Math.Min(tokens.Length, Chunk)]);
        return logits;
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

    private ReadOnlySpan<float> Forward(scoped ReadOnlySpan<int> tokens)
    {
        Span<int> positions = stackalloc int[tokens.Length];
        for (var i = 0; i < positions.Length; i++)
            positions[i] = _tokens.Count + i;
        var logits = _transformer.Continue(_weights, tokens, positions, _tokens.Count);
        _tokens.AddRange(tokens);
        return logits;
    }

    /// <summary>Forgets everything: the next token begins a new sequence.</summary>
    public void Clear() => _tokens.Clear();

    public void Dispose() => _transformer.Dispose();
}
