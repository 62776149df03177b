using Wisp.Model;
using Wisp.Run;
using Wisp.Serve.Http;
using Wisp.Serve.Watching;

namespace Wisp.Serve.Loading;

/// <summary>One model in memory: a decoder that writes, an encoder that gives vectors, or a decoder for both.</summary>
internal sealed class LoadedModel : IAsyncDisposable
{
    private readonly WritingModel? _writer;
    private readonly Lazy<Vectors> _vectors;

    private readonly Telemetry _telemetry;

    private LoadedModel(ShelfEntry entry, WritingModel? writer, ServeOptions options, Telemetry telemetry)
    {
        (Entry, _writer, Gate, _telemetry) = (entry, writer, new RequestGate(options), telemetry);
        _vectors = new Lazy<Vectors>(() => new Vectors(entry, options));
    }

    public ShelfEntry Entry { get; }

    public string Id => Entry.Id;

    /// <summary>Counts the requests that run and wait.</summary>
    public RequestGate Gate { get; }

    /// <summary>How long it took to load.</summary>
    public TimeSpan LoadTime { get; private init; }

    public bool Writes => _writer is not null;

    /// <exception cref="ApiException">The model writes no text.</exception>
    public WritingModel Writer => _writer ?? throw ApiException.Invalid(
        $"The model '{Id}' gives vectors and writes no text. Use /v1/embeddings, or another model.", "model",
        "model_not_generative");

    /// <summary>What turns texts into vectors, opened when it is first asked for.</summary>
    /// <exception cref="ApiException">The model cannot.</exception>
    public Vectors Vectors => _vectors.Value;

    /// <summary>Bytes in memory, about.</summary>
    public long Bytes => _writer?.Bytes ?? Entry.Bytes;

    /// <summary>Tokens of one request.</summary>
    public int Context => _writer?.Engine.Context ?? Vectors.Context;

    /// <summary>Runs a request, where there is room for it, and tells of it.</summary>
    /// <param name="operation">chat, text_completion or embeddings.</param>
    /// <param name="places">Texts that it has written at once.</param>
    /// <exception cref="ApiException">Too many wait already.</exception>
    public Task Run(string operation, int places, Func<Work, Task> body) =>
        Work.Run(_telemetry, operation, Id, async work =>
        {
            using var pass = Gate.Enter(places);
            await body(work);
        });

    /// <summary>Opens a model and runs it once.</summary>
    public static async Task<LoadedModel> Open(
        ShelfEntry entry, ServeOptions options, Telemetry telemetry, CancellationToken cancel)
    {
        var begin = options.Time.GetTimestamp();
        var encodes = false;
        using (var head = Gguf.Open(entry.Path))
            encodes = TextEmbedder.IsEncoder(head);
        var writer = encodes ? null : new WritingModel(entry.Id, ModelFile.Open(entry.Path), options);
        try
        {
            if (writer is not null)
                await writer.WarmUp(cancel);
            var model = new LoadedModel(entry, writer, options, telemetry)
            {
                LoadTime = options.Time.GetElapsedTime(begin),
            };
            if (encodes)
                await model.Vectors.WarmUp(cancel);
            return model;
        }
        catch
        {
            if (writer is not null)
                await writer.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_vectors.IsValueCreated)
            await _vectors.Value.DisposeAsync();
        if (_writer is not null)
            await _writer.DisposeAsync();
    }
}
