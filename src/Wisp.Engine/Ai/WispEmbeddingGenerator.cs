using Microsoft.Extensions.AI;
using Wisp.Compute;
using Wisp.Run;

namespace Wisp.Ai;

/// <summary>
/// A <see cref="TextEmbedder"/> as others ask for one. Safe for concurrent use: calls are computed one after another,
/// each on all threads.
/// </summary>
public sealed class WispEmbeddingGenerator : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly TextEmbedder _embedder;
    private readonly IReadOnlyList<IDisposable> _owned;
    private readonly SemaphoreSlim _turn = new(1); // waiting for the embedder takes no thread
    private bool _disposed;

    /// <param name="embedder">Disposed by whoever opened it.</param>
    public WispEmbeddingGenerator(TextEmbedder embedder)
        : this(embedder, [])
    {
    }

    private WispEmbeddingGenerator(TextEmbedder embedder, IReadOnlyList<IDisposable> owned)
    {
        if (embedder.Pooling == Pooling.Rank)
            throw new ArgumentException(
                $"{embedder.Path}: is a reranker, which scores pairs of texts and gives no vectors.");
        (_embedder, _owned) = (embedder, owned);
    }

    /// <summary>A generator that owns what it needs.</summary>
    /// <param name="threads">0 means one a core.</param>
    /// <exception cref="InvalidDataException">The file is damaged or of a kind that is not read here.</exception>
    public static WispEmbeddingGenerator Open(string path, EmbedderOptions? options = null, int threads = 0)
    {
        var pool = new WorkerPool(threads);
        TextEmbedder? embedder = null;
        try
        {
            embedder = TextEmbedder.Open(path, pool, options);
            return new WispEmbeddingGenerator(embedder, [embedder, pool]);
        }
        catch
        {
            embedder?.Dispose();
            pool.Dispose();
            throw;
        }
    }

    /// <summary>One vector a text, in order.</summary>
    /// <exception cref="ArgumentException">A text that does not fit, or options this model cannot follow; nothing was
    /// embedded.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        Check(options);
        string[] texts = [.. values];
        if (texts.Contains(null))
            throw new ArgumentException("One of the texts is null.", nameof(values));
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return await Task.Run(() => Generate(texts, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    private GeneratedEmbeddings<Embedding<float>> Generate(string[] texts, CancellationToken cancel)
    {
        var (vectors, tokens) = _embedder.EmbedCounted(texts, cancel);
        return new(vectors.Select(vector => new Embedding<float>(vector) { ModelId = _embedder.Name }))
        {
            Usage = new UsageDetails { InputTokenCount = tokens, TotalTokenCount = tokens },
        };
    }

    // What cannot be followed is refused: a vector of another kind than the one asked for would be found only in use.
    private void Check(EmbeddingGenerationOptions? options)
    {
        if (options is null)
            return;
        if (options.Dimensions is { } wanted && wanted != _embedder.Width)
            throw new ArgumentException(
                $"Dimensions is {wanted}; {_embedder.Name} gives {_embedder.Width}, and nothing in its file says " +
                "that shorter ones mean anything.");
        if (options.ModelId is { } model && model != _embedder.Name)
            throw new ArgumentException($"ModelId is '{model}'; this generator has '{_embedder.Name}' alone.");
        if (options.AdditionalProperties is { Count: > 0 } more)
            throw new ArgumentException($"AdditionalProperties holds '{more.Keys.First()}', which is not known here.");
        if (options.RawRepresentationFactory is not null)
            throw new ArgumentException("RawRepresentationFactory is set; there are no raw options here.");
    }

    /// <summary>Metadata, the embedder, or the generator itself.</summary>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType == typeof(TextEmbedder) ? _embedder
            : serviceType == typeof(EmbeddingGeneratorMetadata)
                ? new EmbeddingGeneratorMetadata("wisp", null, _embedder.Name, _embedder.Width)
            : null;
    }

    /// <summary>Waits for calls that run; ends what <see cref="Open"/> began.</summary>
    public void Dispose()
    {
        _turn.Wait();
        if (!_disposed)
            foreach (var part in _owned)
                part.Dispose();
        _disposed = true;
        _turn.Release();
    }
}
