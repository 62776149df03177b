using Wisp.Ai;
using Wisp.Chat;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Serve.Http;

namespace Wisp.Serve.Loading;

/// <summary>One model in memory: its weights, the engine that runs all its requests, and how it is spoken to.</summary>
internal sealed class LoadedModel : IAsyncDisposable
{
    private readonly ModelFile _file;
    private readonly WorkerPool _pool;
    private readonly PackedWeights? _packed;
    private readonly WispChatClient? _chat;

    private LoadedModel(ShelfEntry entry, ModelFile file, ServeOptions options)
    {
        (Entry, _file) = (entry, file);
        Tokenizer = file.Tokenizer ?? throw new ApiException(400,
            $"The model '{entry.Id}' has no tokenizer, so it can read and write no text.");
        _pool = new WorkerPool(options.Threads);
        try
        {
            _packed = options.Pack ? file.Pack(_pool) : null;
            Engine = new Engine(_packed?.Weights ?? file.Weights, EngineOptionsOf(options, file.Config), _pool);
            Template = ChatTemplateFiles.FromGguf(file.Source);
            if (Template is not null)
                _chat = new WispChatClient(Engine, Tokenizer, Template, new ChatClientOptions
                {
                    ModelId = entry.Id, Time = options.Time,
                });
        }
        catch
        {
            Engine?.DisposeAsync().AsTask().GetAwaiter().GetResult();
            _packed?.Dispose();
            _pool.Dispose();
            throw;
        }

        Gate = new RequestGate(options);
    }

    public ShelfEntry Entry { get; }

    public string Id => Entry.Id;

    public Engine Engine { get; }

    public Tokenizer Tokenizer { get; }

    /// <summary>How messages become a prompt; null for a model that only continues texts.</summary>
    public ChatTemplate? Template { get; }

    public ModelFile File => _file;

    /// <summary>Counts the requests that run and wait.</summary>
    public RequestGate Gate { get; }

    /// <exception cref="ApiException">The model has no chat template.</exception>
    public WispChatClient Chat => _chat ?? throw new ApiException(400, $"The model '{Id}' has no chat template, so " +
        "it continues texts and holds no conversations. Use /v1/completions, or another model.")
    {
        Param = "model", Code = "model_not_chat",
    };

    /// <summary>Bytes of weights, keys and values in memory.</summary>
    public long Bytes => (_packed?.Bytes ?? _file.Source.Length)
        + (_file.Config.KvBytesPerToken(KvTypeUsed) * CacheTokens);

    public KvType KvTypeUsed { get; private init; }

    public int CacheTokens { get; private init; }

    /// <summary>Opens a model and runs it once, so that no request pays for compiling what it needs.</summary>
    public static async Task<LoadedModel> Open(ShelfEntry entry, ServeOptions options, CancellationToken cancel)
    {
        var file = ModelFile.Open(entry.Path);
        LoadedModel model;
        try
        {
            var engine = EngineOptionsOf(options, file.Config);
            model = new LoadedModel(entry, file, options) { KvTypeUsed = engine.Kv, CacheTokens = engine.CacheTokens };
        }
        catch
        {
            file.Dispose();
            throw;
        }

        try
        {
            await model.WarmUp(cancel);
            return model;
        }
        catch
        {
            await model.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Engine.DisposeAsync();
        _packed?.Dispose();
        _pool.Dispose();
        _file.Dispose();
    }

    // A context that is longer than what was asked for costs nothing but memory, so models with a shorter one take
    // what they were trained for.
    private static EngineOptions EngineOptionsOf(ServeOptions options, ModelConfig config) => new EngineOptions
    {
        Context = options.Context == 0 ? 0 : Math.Min(options.Context, config.Context),
        CacheTokens = options.CacheTokens, Kv = options.Kv, MaxRequests = options.Parallel,
        Rows = Math.Max(256, options.Parallel + KvStore.BlockTokens),
    }.Checked(config.Context);

    private async Task WarmUp(CancellationToken cancel)
    {
        var length = Math.Min(Engine.Context / 2, 32);
        await using var stream = Engine.Start(new EngineRequest
        {
            Prompt = [.. Enumerable.Range(0, Math.Max(1, length))
                .Select(i => i % Tokenizer.VocabularySize)],
            MaxTokens = Math.Min(4, Engine.Context - Math.Max(1, length)), End = new HashSet<int>(), Domain = -1,
        }, cancel);
        await foreach (var _ in stream.ReadAllAsync(cancel))
        {
        }
    }
}
