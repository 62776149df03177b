using Wisp.Compute;

namespace Wisp.Model;

/// <summary>The shape of an encoder, and how it differs from BERT.</summary>
internal sealed record EncoderConfig
{
    private const string Bert = "bert", NomicBert = "nomic-bert";

    /// <summary>The value of general.architecture in GGUF files.</summary>
    public required string Architecture { get; init; }

    /// <summary>V: entries of the vocabulary.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>The longest text, in tokens.</summary>
    public required int Context { get; init; }

    /// <summary>C.</summary>
    public required int Width { get; init; }

    /// <summary>L.</summary>
    public required int Layers { get; init; }

    /// <summary>H: as many for keys and values as for queries.</summary>
    public required int Heads { get; init; }

    /// <summary>F.</summary>
    public required int FeedForward { get; init; }

    public required float NormEpsilon { get; init; }

    /// <summary>θ of RoPE; 0 where positions are learned.</summary>
    public float RopeTheta { get; init; }

    /// <summary>D: width of one head.</summary>
    public int HeadDim => Width / Heads;

    /// <summary>BERT's network is plain with GELU; the one of Nomic is gated with SiLU.</summary>
    public bool Gated => Architecture == NomicBert;

    public Activation Activation => Gated ? Activation.Silu : Activation.Gelu;

    /// <summary>Whether a file of this architecture is an encoder, known here or not.</summary>
    public static bool Describes(string architecture) => architecture.Contains(Bert, StringComparison.Ordinal);

    /// <exception cref="InvalidDataException">Something is missing, out of range or not supported.</exception>
    public static EncoderConfig Read(Gguf gguf)
    {
        var a = gguf.GetString("general.architecture");
        if (a is not (Bert or NomicBert))
            throw new InvalidDataException(
                $"{gguf.Path}: encoder architecture '{a}' is not supported; known are {Bert} and {NomicBert}.");
        if (gguf.TryGetBool($"{a}.attention.causal", out var causal) && causal)
            throw Unsupported($"{a}.attention.causal is true; an encoder reads both ways");
        if (gguf.TryGetString($"{a}.rope.scaling.type", out var scaling) && scaling != "none")
            throw Unsupported($"{a}.rope.scaling.type is '{scaling}'; positions are not scaled here");
        if (gguf.TryGetUInt($"{a}.expert_count", out var experts) && experts > 0)
            throw Unsupported($"{a}.expert_count is {experts}; mixtures of experts are not read here");
        var embedding = gguf.Tensor("token_embd.weight");
        if (embedding.Shape.Count != 2)
            throw Unsupported($"tensor {embedding.Name} is ({string.Join(", ", embedding.Shape)}), expected a matrix");
        var config = new EncoderConfig
        {
            Architecture = a,
            Vocabulary = Within("rows of token_embd.weight", embedding.Shape[1], 2, 1 << 22),
            Context = Int("context_length", 1 << 20),
            Width = Int("embedding_length", 1 << 16),
            Layers = Int("block_count", 1024),
            Heads = Int("attention.head_count", 1024),
            FeedForward = Int("feed_forward_length", 1 << 18),
            NormEpsilon = gguf.GetFloat($"{a}.attention.layer_norm_epsilon"),
            RopeTheta = a == Bert ? 0 : gguf.TryGetFloat($"{a}.rope.freq_base", out var theta) ? theta : 10_000f,
        };
        if (config.Width % config.Heads != 0)
            throw Unsupported($"{a}.embedding_length is {config.Width}, which {config.Heads} heads cannot share");
        if (gguf.TryGetUInt($"{a}.attention.head_count_kv", out var kv) && kv != config.Heads)
            throw Unsupported($"{a}.attention.head_count_kv is {kv}, expected {config.Heads}, one a query head");
        if (!(config.NormEpsilon is > 0 and < 1))
            throw Unsupported($"{a}.attention.layer_norm_epsilon is {config.NormEpsilon}; the range is 0 to 1");
        if (a != Bert && !(config.RopeTheta > 1 && float.IsFinite(config.RopeTheta)))
            throw Unsupported($"{a}.rope.freq_base is {config.RopeTheta}; it must be above 1");
        if (a != Bert && config.HeadDim % 2 != 0)
            throw Unsupported($"heads are {config.HeadDim} wide; RoPE turns pairs, so the number must be even");
        return config;

        int Int(string key, int most) => Within($"{a}.{key}", gguf.GetUInt($"{a}.{key}"), 1, most);

        int Within(string what, long found, int least, int most) => found >= least && found <= most
            ? (int)found : throw Unsupported($"{what} is {found}; the range is {least} to {most}");

        InvalidDataException Unsupported(string what) => new($"{gguf.Path}: {what}.");
    }
}
