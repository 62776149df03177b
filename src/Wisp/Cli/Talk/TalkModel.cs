using System.CommandLine;
using Wisp.Agents;
using Wisp.Ai;
using Wisp.Chat;
using Wisp.Compute;
using Wisp.Kernel.Cores;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Cli.Talk;

/// <summary>A model that is talked to, with all that it holds in memory.</summary>
internal sealed class TalkModel : IDisposable
{
    // A model that was never taught to chat continues what was said, both sides being one text.
    private const string Continue = "{%- for message in messages %}{{- message.content }}{%- endfor %}";

    private readonly ModelFile _file;
    private readonly WorkerPool _pool;
    private PackedWeights? _packed;
    private Engine? _engine;

    private TalkModel(ModelFile file, WorkerPool pool) => (_file, _pool) = (file, pool);

    public required string Name { get; init; }

    /// <summary>Whether it knows turns; otherwise it continues texts.</summary>
    public required bool IsChat { get; init; }

    public WispChatClient Client { get; private set; } = null!;

    /// <summary>What a kernel in this program is made of where this model is spoken with.</summary>
    /// <param name="standIn">Answers for processes that name no model.</param>
    public LocalKernelParts KernelParts(AskedModel? standIn) =>
        new(ChatCodec.Of(_file.Tokenizer!), Client.Context, _file.Path) { Default = standIn };

    public long Parameters => _file.Source.Tensors.Sum(tensor => tensor.Elements);

    /// <param name="name">As a person says it; null is the default.</param>
    /// <exception cref="UserException">There is no such model, or it reads no text.</exception>
    public static TalkModel Open(ParseResult parse, TalkArguments arguments, string? name, CancellationToken cancel)
    {
        var file = Models.Open(Models.FindForChat(name));
        var template = ChatTemplateFiles.FromGguf(file.Source);
        var model = new TalkModel(file, new WorkerPool(arguments.Threads(parse)))
        {
            IsChat = template is not null,
            Name = file.Source.TryGetString("general.name", out var told) && told.Length > 0
                ? told : Path.GetFileNameWithoutExtension(file.Path),
        };
        try
        {
            model._packed = arguments.Loading.Pack(parse, file, model._pool, cancel);
            model._engine = new Engine(model._packed?.Weights ?? file.Weights, new EngineOptions
            {
                Context = arguments.Context(parse, file.Config.Context), MaxRequests = 1,
                Kv = arguments.Loading.Kv(parse), Lookahead = 8,
                CacheTokens = 2 * arguments.Context(parse, file.Config.Context),
            }, model._pool);
            template ??= new ChatTemplate(Continue, "", "");
            model.Client = new WispChatClient(model._engine, file.Tokenizer!, template, new ChatClientOptions
            {
                ModelId = model.Name, Sampling = arguments.Sampling.Read(parse),
                Adapter = arguments.Loading.Adapter(parse, file),
            });
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _engine?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _packed?.Dispose();
        _pool.Dispose();
        _file.Dispose();
    }
}
