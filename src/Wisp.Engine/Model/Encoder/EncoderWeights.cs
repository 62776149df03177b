using Wisp.Compute;

namespace Wisp.Model;

/// <summary>The weights of one layer of an encoder; without a gate its network is a plain one.</summary>
internal sealed record EncoderLayer(
    Projection Q, Projection K, Projection V, Projection O, Norm AttnNorm, FeedForwardWeights Ffn, Norm FfnNorm);

/// <summary>
/// The head of a reranker on the first row: Output·tanh(Hidden·x), or Output·x where there is no hidden layer.
/// </summary>
internal sealed record RankHead(Projection? Hidden, Projection Output);

/// <summary>The weights of an encoder, layer by layer, as they are stored: views of a mapped file.</summary>
internal sealed record EncoderWeights
{
    public required EncoderConfig Config { get; init; }

    public required WeightMatrix Embedding { get; init; }

    /// <summary>What is added to every token for the kind of sentence it stands in, (kinds, C); the first is
    /// used.</summary>
    public WeightMatrix? TokenTypes { get; init; }

    /// <summary>Learned positions, (context, C).</summary>
    public WeightMatrix? Positions { get; init; }

    public required Norm EmbeddingNorm { get; init; }

    public required IReadOnlyList<EncoderLayer> Layers { get; init; }

    public RankHead? Rank { get; init; }
}
