using Wisp.Compute;
using Wisp.Run;
using Wisp.Serve.Http;

namespace Wisp.Serve.Loading;

/// <summary>A model that turns texts into vectors. Calls are computed one after another, each on all threads.</summary>
internal sealed class Vectors : IAsyncDisposable
{
    private readonly string _id;
    private readonly WorkerPool _pool;
    private readonly TextEmbedder _embedder;
    private readonly SemaphoreSlim _turn = new(1); // waiting for the embedder takes no thread

    /// <exception cref="ApiException">The model gives no vectors.</exception>
    public Vectors(ShelfEntry entry, ServeOptions options)
    {
        _id = entry.Id;
        _pool = new WorkerPool(options.Threads);
        try
        {
            _embedder = TextEmbedder.Open(entry.Path, _pool);
        }
        catch (Exception e) when (e is ArgumentException or InvalidDataException)
        {
            _pool.Dispose();
            throw new ApiException(400, $"The model '{_id}' gives no vectors: {e.Message}", e) { Param = "model" };
        }
    }

    public int Width => _embedder.Width;

    public int Context => _embedder.Context;

    /// <summary>The tokens of a text.</summary>
    /// <param name="truncate">Whether the end of a text that is too long is left out.</param>
    /// <exception cref="PromptTooLongException">It is too long, and not to be truncated.</exception>
    public int[] Tokenize(string text, bool truncate)
    {
        var tokens = _embedder.Tokenize(text, truncate);
        return tokens.Length > 0 ? tokens : throw ApiException.Invalid("An input is empty and so has no vector.",
            "input", "invalid_value");
    }

    /// <summary>A vector a text, in order.</summary>
    public async Task<float[][]> Of(IReadOnlyList<int[]> texts, CancellationToken cancel)
    {
        await _turn.WaitAsync(cancel);
        try
        {
            return await Task.Run(() => _embedder.Embed(texts, cancel), cancel);
        }
        finally
        {
            _turn.Release();
        }
    }

    public Task WarmUp(CancellationToken cancel) => Of([Tokenize("warm", truncate: true)], cancel);

    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync();
        _embedder.Dispose();
        _pool.Dispose();
        _turn.Dispose();
    }
}
