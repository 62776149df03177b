using Wisp.Compute;

namespace Wisp.Model;

/// <summary>The shape of a decoder, and its costs as arithmetic on that shape.</summary>
public sealed partial record ModelConfig
{
    private const int WholeHead = -1;

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

    /// <summary>Elements of a head that RoPE turns, the first of them; the whole head unless a file says
    /// less.</summary>
    public int RotatedDim { get => field == WholeHead ? HeadDim : field; init; } = WholeHead;

    public RopeScaling RopeScaling { get; init; } = RopeScaling.None;

    /// <summary>Factor on attention scores; 0 means 1/√D.</summary>
    public float AttentionScale { get => field == 0 ? 1f / MathF.Sqrt(HeadDim) : field; init; }

    /// <summary>Bound c·tanh(x/c) on attention scores; 0 means none.</summary>
    public float AttentionSoftcap { get; init; }

    /// <summary>The same on the logits.</summary>
    public float LogitSoftcap { get; init; }

    /// <summary>Positions that a layer with a window sees.</summary>
    public int Window { get; init; }

    /// <summary>Experts of a mixture layer; 0 means none.</summary>
    public int Experts { get; init; }

    public int ExpertsUsed { get; init; }

    /// <summary>Positions that layer l sees, its own among them; 0 means all.</summary>
    public int WindowOf(int l) =>
        Architecture.GlobalEvery > 0 && (l + 1) % Architecture.GlobalEvery != 0 ? Window : 0;

    /// <summary>Whether queries and keys of layer l are turned by RoPE.</summary>
    public bool Rotates(int l) =>
        Architecture.Rope is not null && (Architecture.UnrotatedEvery == 0 || (l
            + 1) % Architecture.UnrotatedEvery != 0);

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

    /// <summary>Keys and values of one token, a sixteenth of a block of the store.</summary>
    public long KvBytesPerToken(KvType type) =>
        KvStore.BytesPerBlock(Layers, KvHeads, HeadDim, type) / KvStore.BlockTokens;

    /// <exception cref="ArgumentException">A size is out of range or two sizes do not fit each other.</exception>
    public ModelConfig Validated()
    {
        Require(Vocabulary is > 1 and <= 1 << 22, $"vocabulary is {Vocabulary}; the range is 2 to {1 << 22}");
        Require(Context is > 0 and <= 1 << 20, $"context is {Context}; the range is 1 to {1 << 20}");
        Require(Width is > 0 and <= 1 << 16, $"width is {Width}; the range is 1 to {1 << 16}");
        Require(Layers is > 0 and <= 1024, $"layers are {Layers}; the range is 1 to 1024");
        Require(Heads is > 0 and <= 1024, $"heads are {Heads}; the range is 1 to 1024");
        Require(HeadDim is > 0 and <= 1024, $"head dim is {HeadDim}; the range is 1 to 1024");
        Require(RotatedDim >= 0 && RotatedDim <= HeadDim && RotatedDim % 2 == 0,
            $"RoPE turns {RotatedDim} of {HeadDim} head dimensions; it turns pairs, so the number must be even");
        Require(KvHeads > 0 && Heads % KvHeads == 0, $"{Heads} heads cannot share {KvHeads} kv heads evenly");
        Require(FeedForward is > 1 and <= 1 << 18, $"feed-forward width is {FeedForward}; the range is 2 to {1 << 18}");
        Require(float.IsFinite(RopeTheta) && RopeTheta > 1, $"rope theta is {RopeTheta}; it must be above 1");
        Require(NormEpsilon is > 0 and < 1, $"norm epsilon is {NormEpsilon}; the range is 0 to 1");
        Require(AttentionScale > 0 && float.IsFinite(AttentionScale), $"attention scale is {AttentionScale}");
        Require(AttentionSoftcap >= 0 && float.IsFinite(AttentionSoftcap), $"attention softcap is {AttentionSoftcap}");
        Require(LogitSoftcap >= 0 && float.IsFinite(LogitSoftcap), $"logit softcap is {LogitSoftcap}");
        Require(Architecture.GlobalEvery == 0 || Window > 0, $"the sliding window is {Window}; it must be above 0");
        Require(Experts is >= 0 and <= 1024, $"experts are {Experts}; the range is 0 to 1024");
        Require(Experts == 0 || (ExpertsUsed > 0 && ExpertsUsed <= Experts),
            $"{ExpertsUsed} of {Experts} experts are used");
        RopeScaling.Check();
        return this;
    }

    /// <exception cref="ArgumentException">Out of range, or of a kind that is run but not trained.</exception>
    public ModelConfig ValidatedForTraining()
    {
        Validated();
        Require(Architecture.Trainable, $"architecture {Architecture.Name} runs but is not trained; " +
            $"{string.Join(" and ", Architecture.Known.Where(a => a.Trainable).Select(a => a.Name))} are");
        Require(RotatedDim == HeadDim && RopeScaling.Factor == 1 && RopeScaling.Magnitude == 1
            && AttentionScale == 1f / MathF.Sqrt(HeadDim) && AttentionSoftcap + LogitSoftcap == 0 && Experts == 0,
            "scaled or partial RoPE, other attention scales, softcaps and mixtures of experts run but are not trained");
        return this;
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
            throw new ArgumentException($"Model configuration: {what}.");
    }
}
