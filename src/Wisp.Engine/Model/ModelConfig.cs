using Wisp.Compute;

namespace Wisp.Model;

/// <summary>What sets one decoder family apart from another. A family is a row of this table, not a class.</summary>
public sealed record Architecture(string Name, bool QkNorm, RopeLayout Rope)
{
    /// <summary>What Wisp trains: RMSNorm on every query and key head before RoPE in half-split pairs.</summary>
    public static readonly Architecture Qwen3 = new("qwen3", QkNorm: true, RopeLayout.Neox);

    /// <summary>No norm on queries and keys; GGUF files store RoPE in adjacent pairs.</summary>
    public static readonly Architecture Llama = new("llama", QkNorm: false, RopeLayout.Norm);

    public static readonly IReadOnlyList<Architecture> Known = [Qwen3, Llama];

    /// <exception cref="InvalidDataException">No such architecture; the message lists the known ones.</exception>
    public static Architecture Named(string name, string where) =>
        Known.FirstOrDefault(a => a.Name == name) ?? throw new InvalidDataException(
            $"{where}: architecture '{name}' is not supported; known are " +
            $"{string.Join(", ", Known.Select(a => a.Name))}.");
}

/// <summary>The shape of a decoder, and its costs as arithmetic on that shape.</summary>
public sealed record ModelConfig
{
    public required Architecture Architecture { get; init; }

    /// <summary>V: entries of the vocabulary.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>The longest sequence the model was trained for, in tokens.</summary>
    public required int Context { get; init; }

    /// <summary>C: width of the residual stream.</summary>
    public required int Width { get; init; }

    /// <summary>L.</summary>
    public required int Layers { get; init; }

    /// <summary>H: query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>K: key and value heads.</summary>
    public required int KvHeads { get; init; }

    /// <summary>D: width of one head; H·D need not be C.</summary>
    public required int HeadDim { get; init; }

    /// <summary>F: width of the feed-forward layer.</summary>
    public required int FeedForward { get; init; }

    /// <summary>Whether the output projection is the embedding matrix.</summary>
    public required bool TiedHead { get; init; }

    public float RopeTheta { get; init; } = 10_000f;

    public float NormEpsilon { get; init; } = 1e-6f;

    /// <summary>Elements of the matrices of one block.</summary>
    public long BlockMatrixParameters =>
        (2L * Heads * HeadDim * Width) + (2L * KvHeads * HeadDim * Width) + (3L * Width * FeedForward);

    /// <summary>What takes part in matrix products for every token: block matrices and output head.</summary>
    public long ProductParameters => (Layers * BlockMatrixParameters) + ((long)Vocabulary * Width);

    /// <summary>All parameters, norms included; a tied head counts once.</summary>
    public long Parameters =>
        ProductParameters + (TiedHead ? 0 : (long)Vocabulary * Width)
        + Width + (Layers * ((2L * Width) + (Architecture.QkNorm ? 2L * HeadDim : 0)));

    /// <summary>
    /// 6 a product parameter: one multiply-add forward, two backward. No embedding look-up, no attention.
    /// </summary>
    public double TrainingFlopPerToken => 6.0 * ProductParameters;

    /// <summary>
    /// A multiply-add a product parameter, and the two attention products over <paramref name="context"/> keys.
    /// </summary>
    public double InferenceFlopPerToken(int context) =>
        (2.0 * ProductParameters) + (4.0 * Layers * Heads * HeadDim * context);

    /// <summary>Keys and values of one token in float32.</summary>
    public long KvBytesPerToken => 2L * Layers * KvHeads * HeadDim * sizeof(float);

    /// <exception cref="ArgumentException">A size is out of range or two sizes do not fit each other.</exception>
    public ModelConfig Validated()
    {
        Require(Vocabulary is > 1 and <= 1 << 22, $"vocabulary is {Vocabulary}; the range is 2 to {1 << 22}");
        Require(Context is > 0 and <= 1 << 20, $"context is {Context}; the range is 1 to {1 << 20}");
        Require(Width is > 0 and <= 1 << 16, $"width is {Width}; the range is 1 to {1 << 16}");
        Require(Layers is > 0 and <= 1024, $"layers are {Layers}; the range is 1 to 1024");
        Require(Heads is > 0 and <= 1024, $"heads are {Heads}; the range is 1 to 1024");
        Require(HeadDim is > 0 and <= 1024, $"head dim is {HeadDim}; the range is 1 to 1024");
        Require(HeadDim % 2 == 0, $"head dim is {HeadDim}; RoPE rotates pairs, so it must be even");
        Require(KvHeads > 0 && Heads % KvHeads == 0, $"{Heads} heads cannot share {KvHeads} kv heads evenly");
        Require(FeedForward is > 1 and <= 1 << 18, $"feed-forward width is {FeedForward}; the range is 2 to {1 << 18}");
        Require(float.IsFinite(RopeTheta) && RopeTheta > 1, $"rope theta is {RopeTheta}; it must be above 1");
        Require(NormEpsilon is > 0 and < 1, $"norm epsilon is {NormEpsilon}; the range is 0 to 1");
        return this;

        static void Require(bool holds, string what)
        {
            if (!holds)
                throw new ArgumentException($"Model configuration: {what}.");
        }
    }
}
