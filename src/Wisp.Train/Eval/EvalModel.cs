using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Train.Align.Conversations;

namespace Wisp.Train.Eval;

/// <summary>A model open to be examined: packed weights, its tokenizer, and how it is spoken to.</summary>
public sealed class EvalModel : IDisposable
{
    private readonly ModelFile _file;
    private readonly PackedWeights _packed;

    /// <param name="file">Owned from now on.</param>
    /// <exception cref="InvalidDataException">The model has no tokenizer.</exception>
    public EvalModel(ModelFile file, WorkerPool pool, CancellationToken cancel = default)
    {
        _file = file;
        Tokenizer = file.Tokenizer ?? throw new InvalidDataException($"{file.Path}: holds no tokenizer.");
        Pool = pool;
        _packed = file.Pack(pool, cancel: cancel);
        if (file.Source.TryGetString("tokenizer.chat_template", out var template)
            && template.Contains(ChatFormat.Start, StringComparison.Ordinal) && Tokenizer.IdOf(ChatFormat.End) >= 0)
            Chat = new ChatRenderer(Tokenizer);
        Hash = File.Exists(file.Path) ? FileHash.Of(file.Path) : "";
    }

    public string Path => _file.Path;

    public string Name => _file.Source.TryGetString("general.name", out var name) && name.Length > 0
        ? name : System.IO.Path.GetFileNameWithoutExtension(Path);

    /// <summary>SHA-256 of the file; empty where the model is a folder.</summary>
    public string Hash { get; }

    public ModelConfig Config => _file.Config;

    public DecoderWeights Weights => _packed.Weights;

    public Tokenizer Tokenizer { get; }

    public WorkerPool Pool { get; }

    /// <summary>Renders conversations where the model was taught ChatML; null where it only continues text.</summary>
    public ChatRenderer? Chat { get; }

    /// <summary>The most tokens of a request: the model's context, 2,048 at most, to bound the memory.</summary>
    public int Context => Math.Min(Config.Context, 2048);

    /// <summary>Tokens of a text from its beginning on.</summary>
    internal int[] Begin(string text) => [.. Generation.Prompt(Tokenizer, text)];

    /// <summary>Tokens of a text that goes on.</summary>
    internal int[] More(string text) => Tokenizer.Encode(text);

    public void Dispose()
    {
        _packed.Dispose();
        _file.Dispose();
    }
}
