using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// Finds the weights of a decoder among the tensors of a file. What a layer consists of is read off the tensors that
/// are there; every one must be of the right shape and every one must be used, because a tensor left over would mean
/// a variant that is computed differently.
/// </summary>
internal sealed class DecoderWeightsReader(Gguf gguf, ModelConfig config)
{
    private readonly WeightTensors _tensors = new(gguf);

    private int Queries => config.Heads * config.HeadDim;

    private int Keys => config.KvHeads * config.HeadDim;

    /// <exception cref="InvalidDataException">A tensor is missing, of another shape, or of no use here.</exception>
    public DecoderWeights Read()
    {
        var embedding = Matrix("token_embd.weight", config.Vocabulary, config.Width);
        var weights = new DecoderWeights
        {
            Config = config,
            Embedding = embedding,
            Positions = Has("position_embd.weight")
                ? Matrix("position_embd.weight", config.Context, config.Width) : null,
            OutputNorm = Norm("output_norm") ?? throw _tensors.Missing("output_norm.weight"),
            Head = Has("output.weight")
                ? Projection("output", config.Vocabulary, config.Width) : new Projection(embedding),
            Blocks = [.. Enumerable.Range(0, config.Layers).Select(l => Block($"blk.{l}."))],
            RopeFactors = Has("rope_freqs.weight") ? Vector("rope_freqs.weight", config.RotatedDim / 2)
                : Has("rope_factors_short.weight") ? Vector("rope_factors_short.weight", config.RotatedDim / 2) : null,
            RopeFactorsLong = Has("rope_factors_long.weight")
                ? Vector("rope_factors_long.weight", config.RotatedDim / 2) : null,
        };
        _tensors.RequireAllUsed(config.Architecture.Name);
        return weights;
    }

    private BlockWeights Block(string at)
    {
        int C = config.Width;
        var (q, k, v) = Has($"{at}attn_qkv.weight") ? Fused(Projection($"{at}attn_qkv", Queries + (2 * Keys), C))
            : (Projection($"{at}attn_q", Queries, C), Projection($"{at}attn_k", Keys, C),
                Projection($"{at}attn_v", Keys, C));
        return new BlockWeights
        {
            AttnNorm = Norm($"{at}attn_norm"),
            Q = q,
            K = k,
            V = v,
            QNorm = HeadNorm($"{at}attn_q_norm", config.Heads),
            KNorm = HeadNorm($"{at}attn_k_norm", config.KvHeads),
            O = Projection($"{at}attn_output", C, Queries),
            PostAttnNorm = Norm($"{at}post_attention_norm"),
            FfnNorm = Norm($"{at}ffn_norm"),
            Router = config.Experts > 0 ? Projection($"{at}ffn_gate_inp", config.Experts, C) : null,
            Ffn = config.Experts > 0 ? Experts(at) : [Network(at)],
            PostFfnNorm = Norm($"{at}post_ffw_norm"),
        };
    }

    private (Projection Q, Projection K, Projection V) Fused(Projection qkv) =>
        (qkv.Slice(0, Queries), qkv.Slice(Queries, Keys), qkv.Slice(Queries + Keys, Keys));

    // Gate and up are one matrix where there is no gate but twice the width.
    private FeedForwardWeights Network(string at)
    {
        int C = config.Width, F = config.FeedForward;
        var down = Projection($"{at}ffn_down", C, F);
        if (Has($"{at}ffn_gate.weight"))
            return new(Projection($"{at}ffn_gate", F, C), Projection($"{at}ffn_up", F, C), down);
        if (gguf.TryTensor($"{at}ffn_up.weight", out var up) && up.Shape is [_, var rows] && rows == 2L * F)
        {
            var both = Projection($"{at}ffn_up", 2 * F, C);
            return new(both.Slice(0, F), both.Slice(F, F), down);
        }

        return new(Gate: null, Projection($"{at}ffn_up", F, C), down);
    }

    private FeedForwardWeights[] Experts(string at)
    {
        int C = config.Width, F = config.FeedForward, E = config.Experts;
        var gate = Matrix($"{at}ffn_gate_exps.weight", F, C, E);
        var up = Matrix($"{at}ffn_up_exps.weight", F, C, E);
        var down = Matrix($"{at}ffn_down_exps.weight", C, F, E);
        return
        [
            .. Enumerable.Range(0, E).Select(e => new FeedForwardWeights(
                new(gate.Slice(e * F, F)), new(up.Slice(e * F, F)), new(down.Slice(e * C, C)))),
        ];
    }

    private bool Has(string name) => _tensors.Has(name);

    private Projection Projection(string name, int rows, int columns) => new(
        Matrix($"{name}.weight", rows, columns), Has($"{name}.bias") ? Vector($"{name}.bias", rows) : null,
        Name: name.StartsWith("blk.", StringComparison.Ordinal)
            && !name.EndsWith("ffn_gate_inp", StringComparison.Ordinal)
            ? name : null);

    private Norm? Norm(string name) => Has($"{name}.weight")
        ? new(Vector($"{name}.weight", config.Width), Has($"{name}.bias") ? Vector($"{name}.bias", config.Width) : null)
        : null;

    // One gain for the elements of every head, gains for each head, or gains over all heads as one vector.
    private Norm? HeadNorm(string name, int heads)
    {
        if (!gguf.TryTensor($"{name}.weight", out var tensor))
            return null;
        return new(tensor.Shape.Count == 2
            ? _tensors.Floats($"{name}.weight", config.HeadDim, heads)
            : Vector($"{name}.weight", tensor.Elements == config.HeadDim ? config.HeadDim : heads * config.HeadDim));
    }

    private WeightMatrix Matrix(string name, int rows, int columns) => _tensors.Matrix(name, columns, rows);

    private WeightMatrix Matrix(string name, int rows, int columns, int experts) =>
        _tensors.Matrix(name, columns, rows, experts);

    private WeightMatrix Vector(string name, int length) => _tensors.Floats(name, length);
}
