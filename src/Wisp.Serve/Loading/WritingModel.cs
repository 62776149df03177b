using Wisp.Ai;
using Wisp.Chat;
using Wisp.Compute;
using Wisp.Grammar;
using Wisp.Model;
using Wisp.Run;
using Wisp.Serve.Http;

namespace Wisp.Serve.Loading;

/// <summary>A model that writes: its weights, the engine that runs all its requests, and how it is spoken to.</summary>
internal sealed class WritingModel : IAsyncDisposable
{
    private readonly string _id;
    private readonly WorkerPool _pool;
    private readonly PackedWeights? _packed;
    private readonly WispChatClient? _chat;
    private readonly Lazy<TokenTrie> _vocabulary;

    /// <summary>Takes the file over, also where it throws.</summary>
    public WritingModel(string id, ModelFile file, ServeOptions options)
    {
        (_id, File) = (id, file);
        _vocabulary = new Lazy<TokenTrie>(TrieOf);
        _pool = new WorkerPool(options.Threads);
        Engine? engine = null;
        try
        {
            Tokenizer = file.Tokenizer ?? throw new InvalidDataException(
                $"{file.Path}: has no tokenizer, so it can read and write no text.");
            Settings = EngineOptionsOf(options, file.Config);
            Template = ChatTemplateFiles.FromGguf(file.Source);
            _packed = options.Pack ? file.Pack(_pool) : null;
            Engine = engine = new Engine(_packed?.Weights ?? file.Weights, Settings, _pool);
            if (Template is not null)
                _chat = new WispChatClient(Engine, Tokenizer, Template, new ChatClientOptions
                {
                    ModelId = id, Time = options.Time,
                });
        }
        catch
        {
            engine?.DisposeAsync().AsTask().GetAwaiter().GetResult();
            _packed?.Dispose();
            _pool.Dispose();
            file.Dispose();
            throw;
        }
    }

    public ModelFile File { get; }

    public Engine Engine { get; }

    public EngineOptions Settings { get; }

    public Tokenizer Tokenizer { get; }

    /// <summary>How messages become a prompt; null for a model that only continues texts.</summary>
    public ChatTemplate? Template { get; }

    /// <exception cref="ApiException">The model has no chat template.</exception>
    public WispChatClient Chat => _chat ?? throw ApiException.Invalid($"The model '{_id}' has no chat template, so " +
        "it continues texts and holds no conversations. Use /v1/completions, or another model.", "model",
        "model_not_chat");

    /// <summary>Bytes of weights, keys and values in memory.</summary>
    public long Bytes => (_packed?.Bytes ?? File.Source.Length)
        + (File.Config.KvBytesPerToken(Settings.Kv) * Settings.CacheTokens);

    /// <summary>A grammar over this vocabulary.</summary>
    /// <param name="compile">Throws InvalidDataException where it is none.</param>
    public TokenMask MaskOf(Func<CompiledGrammar> compile, string param)
    {
        try
        {
            return new TokenMask(compile(), _vocabulary.Value);
        }
        catch (InvalidDataException e)
        {
            throw new ApiException(400, $"'{param}': {e.Message}", e) { Param = param, Code = "invalid_value" };
        }
    }

    /// <summary>Runs the model once, so that no request pays for compiling what it needs.</summary>
    public async Task WarmUp(CancellationToken cancel)
    {
        var length = Math.Clamp(Engine.Context / 2, 1, 32);
        await using var stream = Engine.Start(new EngineRequest
        {
            Prompt = [.. Enumerable.Range(0, length).Select(i => i % Tokenizer.VocabularySize)],
            MaxTokens = Math.Clamp(Engine.Context - length, 1, 4), End = new HashSet<int>(), Domain = -1,
        }, cancel);
        await foreach (var _ in stream.ReadAllAsync(cancel))
        {
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Engine.DisposeAsync();
        _packed?.Dispose();
        _pool.Dispose();
        File.Dispose();
    }

    // A context that is asked for is an upper bound: models that were trained for less take what they were trained for.
    private static EngineOptions EngineOptionsOf(ServeOptions options, ModelConfig config) => new EngineOptions
    {
        Context = options.Context == 0 ? 0 : Math.Min(options.Context, config.Context),
        CacheTokens = options.CacheTokens, Kv = options.Kv, MaxRequests = options.Parallel,
        Rows = Math.Max(256, options.Parallel + KvStore.BlockTokens),
    }.Checked(config.Context);

    // Special tokens match no text; those that end a generation end the text.
    private TokenTrie TrieOf() => new(
        [.. Enumerable.Range(0, Tokenizer.VocabularySize)
            .Select(id => Tokenizer.IsSpecial(id) ? [] : Tokenizer.BytesOf(id).ToArray())],
        Tokenizer.EndOfGeneration);
}
