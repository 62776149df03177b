using Wisp.Compute;

namespace Wisp.Model;

/// <summary>y = W·x + b, from C to R. What the model has no bias for has none here.</summary>
/// <param name="Bias">(R) in F32, one column a row, so that rows of both are cut alike.</param>
/// <param name="Packed">The copy of the weights to multiply by; null multiplies by them as stored.</param>
/// <param name="Name">The tensor it is from, without .weight, by which adapters find it; null where none may.</param>
/// <param name="FirstRow">Where its rows begin in that tensor.</param>
public sealed record Projection(
    WeightMatrix Weight, WeightMatrix? Bias = null, PackedMatrix? Packed = null, string? Name = null, int FirstRow = 0)
{
    public int Outputs => Weight.Rows;

    /// <summary>Some of the outputs: how matrices that are stored in one are told apart.</summary>
    public Projection Slice(int from, int rows) => new(
        Weight.Slice(from, rows), Bias?.Slice(from, rows), null, Name, FirstRow + from);
}

/// <summary>Gain and bias of a norm, in F32; several rows of gains are for as many heads.</summary>
public sealed record Norm(WeightMatrix Gain, WeightMatrix? Bias = null);

/// <summary>A feed-forward network; without a gate it is a plain one.</summary>
public sealed record FeedForwardWeights(Projection? Gate, Projection Up, Projection Down);

/// <summary>The weights of one layer. What is null is not there, and the layer leaves it out.</summary>
public sealed record BlockWeights
{
    public Norm? AttnNorm { get; init; }

    public required Projection Q { get; init; }

    public required Projection K { get; init; }

    public required Projection V { get; init; }

    public Norm? QNorm { get; init; }

    public Norm? KNorm { get; init; }

    public required Projection O { get; init; }

    /// <summary>On what attention adds to the residual stream.</summary>
    public Norm? PostAttnNorm { get; init; }

    public Norm? FfnNorm { get; init; }

    /// <summary>One network, or the experts of a mixture.</summary>
    public required IReadOnlyList<FeedForwardWeights> Ffn { get; init; }

    /// <summary>Scores the experts of a mixture, (E, C); null where there is one network.</summary>
    public Projection? Router { get; init; }

    public Norm? PostFfnNorm { get; init; }

    /// <summary>
    /// Whether attention and feed-forward read the same normed input and are added together. Wang and Komatsuzaki 2021
    /// (GPT-J); such files have no second norm.
    /// </summary>
    public bool Parallel => FfnNorm is null && PostAttnNorm is null;
}

/// <summary>
/// The weights of a decoder, layer by layer, as they are stored: views of a mapped file, or of <see cref="Parameters"/>
/// in training. Whoever owns the file or the parameters keeps them alive.
/// </summary>
public sealed record DecoderWeights
{
    public required ModelConfig Config { get; init; }

    public required WeightMatrix Embedding { get; init; }

    /// <summary>Learned positions, (context, C), where the architecture has them.</summary>
    public WeightMatrix? Positions { get; init; }

    public required Norm OutputNorm { get; init; }

    public required Projection Head { get; init; }

    public required IReadOnlyList<BlockWeights> Blocks { get; init; }

    /// <summary>Divisors of RoPE's frequencies for contexts up to the original one; null where there are
    /// none.</summary>
    public WeightMatrix? RopeFactors { get; init; }

    /// <summary>The same for longer contexts.</summary>
    public WeightMatrix? RopeFactorsLong { get; init; }

    /// <summary>Every projection that a token may meet.</summary>
    internal IEnumerable<Projection> Projections => Blocks.SelectMany(IEnumerable<Projection> (block) =>
    [
        block.Q, block.K, block.V, block.O,
        .. block.Ffn.SelectMany(IEnumerable<Projection> (f) =>
            f.Gate is null ? [f.Up, f.Down] : [f.Gate, f.Up, f.Down]),
    ]).Append(Head);

    /// <summary>Views of the weights that training steps: what it changes is seen here at once.</summary>
    public static DecoderWeights Of(Parameters weights)
    {
        var map = weights.Map;
        return new()
        {
            Config = map.Config,
            Embedding = weights.Matrix(map.Embedding),
            OutputNorm = NormOf(map.OutputNorm),
            Head = View(map.Head),
            Blocks = [.. map.Blocks.Select(block => new BlockWeights
            {
                AttnNorm = NormOf(block.AttnNorm),
                Q = View(block.Q),
                K = View(block.K),
                V = View(block.V),
                QNorm = block.QNorm is { } q ? NormOf(q) : null,
                KNorm = block.KNorm is { } k ? NormOf(k) : null,
                O = View(block.O),
                FfnNorm = NormOf(block.FfnNorm),
                Ffn = [new(View(block.Gate), View(block.Up), View(block.Down))],
            })],
        };

        Projection View(ParameterTensor tensor) => new(weights.Matrix(tensor));
        Norm NormOf(ParameterTensor tensor) => new(weights.Matrix(tensor));
    }
}
