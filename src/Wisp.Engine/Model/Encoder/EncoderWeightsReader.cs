using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// Finds the weights of an encoder among the tensors of a file. Every one must be of the right shape and every one
/// must be used, because a tensor left over would mean a variant that is computed differently.
/// </summary>
internal sealed class EncoderWeightsReader(Gguf gguf, EncoderConfig config)
{
    private readonly WeightTensors _tensors = new(gguf);

    /// <exception cref="InvalidDataException">A tensor is missing, of another shape, or of no use here.</exception>
    public EncoderWeights Read()
    {
        int C = config.Width;
        var weights = new EncoderWeights
        {
            Config = config,
            Embedding = _tensors.Matrix("token_embd.weight", C, config.Vocabulary),
            TokenTypes = TokenTypes(),
            Positions = config.RopeTheta == 0 ? _tensors.Matrix("position_embd.weight", C, config.Context) : null,
            EmbeddingNorm = Norm("token_embd_norm"),
            Layers = [.. Enumerable.Range(0, config.Layers).Select(l => Layer($"blk.{l}."))],
            Rank = Rank(),
        };
        _tensors.RequireAllUsed(config.Architecture);
        return weights;
    }

    private EncoderLayer Layer(string at)
    {
        int C = config.Width, F = config.FeedForward;
        Projection q, k, v;
        if (Has($"{at}attn_qkv.weight"))
        {
            var fused = Projection($"{at}attn_qkv", 3 * C, C);
            (q, k, v) = (fused.Slice(0, C), fused.Slice(C, C), fused.Slice(2 * C, C));
        }
        else
        {
            (q, k, v) = (Projection($"{at}attn_q", C, C), Projection($"{at}attn_k", C, C),
                Projection($"{at}attn_v", C, C));
        }

        return new EncoderLayer(q, k, v, Projection($"{at}attn_output", C, C), Norm($"{at}attn_output_norm"),
            new FeedForwardWeights(config.Gated ? Projection($"{at}ffn_gate", F, C) : null,
                Projection($"{at}ffn_up", F, C), Projection($"{at}ffn_down", C, F)),
            Norm($"{at}layer_output_norm"));
    }

    private WeightMatrix? TokenTypes()
    {
        if (!gguf.TryTensor("token_types.weight", out var tensor))
            return null;
        var kinds = tensor.Shape is [_, var rows] and [_, >= 1 and <= 1 << 16] ? (int)rows : 1;
        return _tensors.Matrix("token_types.weight", config.Width, kinds);
    }

    // A head that tells several classes apart is no score of relevance, so its shape is refused as any other.
    private RankHead? Rank()
    {
        if (!Has("cls.output.weight") && !Has("cls.weight"))
            return null;
        var output = gguf.TryTensor("cls.output.weight", out var tensor) && tensor.Shape.Count == 1
            ? new Projection(_tensors.Matrix("cls.output.weight", config.Width), Bias("cls.output", 1))
            : Projection("cls.output", 1, config.Width);
        return new RankHead(Has("cls.weight") ? Projection("cls", config.Width, config.Width) : null, output);
    }

    private bool Has(string name) => _tensors.Has(name);

    private Projection Projection(string name, int rows, int columns) =>
        new(_tensors.Matrix($"{name}.weight", columns, rows), Bias(name, rows));

    private WeightMatrix? Bias(string name, int rows) => Has($"{name}.bias") ? Vector($"{name}.bias", rows) : null;

    private Norm Norm(string name) => new(Vector($"{name}.weight", config.Width), Bias(name, config.Width));

    private WeightMatrix Vector(string name, int length) => _tensors.Floats(name, length);
}
