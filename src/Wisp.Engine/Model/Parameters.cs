using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// A named matrix (Rows, Columns) or vector (Rows = 1) at an offset in the flat memory of all parameters.
/// </summary>
public readonly record struct ParameterTensor(string Name, int Rows, int Columns, int Offset)
{
    public int Length => Rows * Columns;

    public bool IsMatrix => Rows > 1;
}

/// <summary>
/// The tensors of one block, by their GGUF names; the two norms of queries and keys exist in qwen3 only.
/// </summary>
public sealed record BlockTensors(
    ParameterTensor AttnNorm, ParameterTensor Q, ParameterTensor K, ParameterTensor V, ParameterTensor? QNorm,
    ParameterTensor? KNorm, ParameterTensor O, ParameterTensor FfnNorm, ParameterTensor Gate, ParameterTensor Up,
    ParameterTensor Down)
{
    /// <summary>
    /// Gate and Up as one (2F, C) matrix: they stand side by side, so that one product computes both.
    /// </summary>
    public ParameterTensor GateUp { get; } = Gate with { Name = $"{Gate.Name}+up", Rows = 2 * Gate.Rows };
}

/// <summary>
/// Where every parameter of a configuration stands in one flat array. What AdamW steps (embedding, head, norms) comes
/// first and the block matrices, which Muon may step, follow: an optimizer's second moment can then be the shorter
/// array.
/// </summary>
public sealed class ParameterMap
{
    private readonly List<ParameterTensor> _all = [];

    public ParameterMap(ModelConfig config)
    {
        Config = config.ValidatedForTraining();
        if (config.Parameters > int.MaxValue - (1 << 20))
            throw new ArgumentException(
                $"A model of {config.Parameters:n0} parameters is larger than the {int.MaxValue:n0} that fit one " +
                "array.");

        int C = config.Width, F = config.FeedForward, queries = config.Heads * config.HeadDim,
            keys = config.KvHeads * config.HeadDim;
        Embedding = Take("token_embd.weight", config.Vocabulary, C);
        Head = config.TiedHead ? Embedding : Take("output.weight", config.Vocabulary, C);
        OutputNorm = Take("output_norm.weight", 1, C);
        var norms = Enumerable.Range(0, config.Layers).Select(l => (
            Attn: Take($"blk.{l}.attn_norm.weight", 1, C), Ffn: Take($"blk.{l}.ffn_norm.weight", 1, C),
            Q: config.Architecture.QkNorm ? Take($"blk.{l}.attn_q_norm.weight", 1, config.HeadDim)
                : (ParameterTensor?)null,
            K: config.Architecture.QkNorm ? Take($"blk.{l}.attn_k_norm.weight", 1, config.HeadDim)
                : (ParameterTensor?)null))
            .ToArray();
        BlockMatricesFrom = Length;
        Blocks = [.. norms.Select((norm, l) => new BlockTensors(
            norm.Attn, Take($"blk.{l}.attn_q.weight", queries, C), Take($"blk.{l}.attn_k.weight", keys, C),
            Take($"blk.{l}.attn_v.weight", keys, C), norm.Q, norm.K, Take($"blk.{l}.attn_output.weight", C, queries),
            norm.Ffn, Take($"blk.{l}.ffn_gate.weight", F, C, gap: false), Take($"blk.{l}.ffn_up.weight", F, C),
            Take($"blk.{l}.ffn_down.weight", C, F)))];
    }

    public ModelConfig Config { get; }

    public ParameterTensor Embedding { get; }

    /// <summary>The output projection, (V, C); the embedding itself where the head is tied.</summary>
    public ParameterTensor Head { get; }

    public ParameterTensor OutputNorm { get; }

    public IReadOnlyList<BlockTensors> Blocks { get; }

    public IReadOnlyList<ParameterTensor> All => _all;

    /// <summary>Floats of the flat array, alignment gaps included.</summary>
    public int Length { get; private set; }

    /// <summary>Offset of the first block matrix; all tensors before it are embedding, head and norms.</summary>
    public int BlockMatricesFrom { get; }

    private ParameterTensor Take(string name, int rows, int columns, bool gap = true)
    {
        var tensor = new ParameterTensor(name, rows, columns, Length);
        _all.Add(tensor);
        Length = checked(Length + tensor.Length);
        if (gap)
            Length = checked((Length + 15) & ~15); // the next tensor begins on a cache line
        return tensor;
    }
}

/// <summary>One float for every parameter of a map: the weights, their gradients, or an optimizer's moments.</summary>
public sealed class Parameters(ParameterMap map) : IDisposable
{
    private readonly FloatBuffer _values = new(map.Length);

    public ParameterMap Map { get; } = map;

    /// <summary>The memory of <see cref="Values"/>, for whoever has to keep it.</summary>
    public FloatBuffer Buffer => _values;

    /// <summary>All values in the order of the map; the gaps between tensors are zero.</summary>
    public Span<float> Values => _values.Span;

    public Span<float> Of(ParameterTensor tensor) => _values.Slice(tensor.Offset, tensor.Length);

    /// <summary>A view of one tensor; a vector is one row.</summary>
    public WeightMatrix Matrix(ParameterTensor tensor) =>
        WeightMatrix.Of(_values, tensor.Offset, tensor.Rows, tensor.Columns);

    public void Dispose() => _values.Dispose();

    /// <summary>
    /// Fresh weights: embedding N(0, 0.02), inner matrices N(0, 1/C), norms 1, and zero for the two projections that
    /// write to the residual stream, so that every block begins as the identity. The same seed gives the same
    /// weights, up to the last bit of the platform's logarithm and cosine.
    /// </summary>
    public static Parameters Initialize(ParameterMap map, ulong seed)
    {
        var weights = new Parameters(map);
        var normal = new NormalSequence(seed);
        var std = 1f / MathF.Sqrt(map.Config.Width);
        foreach (var tensor in map.All)
        {
            var to = weights.Of(tensor);
            if (!tensor.IsMatrix)
                to.Fill(1f);
            else if (tensor.Offset < map.BlockMatricesFrom)
                normal.Fill(to, 0.02f);
        }

        foreach (var block in map.Blocks)
            foreach (var tensor in (ParameterTensor[])[block.Q, block.K, block.V, block.Gate, block.Up])
                normal.Fill(weights.Of(tensor), std);
        return weights;
    }

    /// <summary>Box-Muller in float64 over <see cref="SplitMix64"/>, which no library version changes.</summary>
    private struct NormalSequence(ulong seed)
    {
        private SplitMix64 _random = new(seed);

        public void Fill(Span<float> to, float std)
        {
            for (var i = 0; i < to.Length; i++)
            {
                var radius = std * Math.Sqrt(-2 * Math.Log(1 - _random.NextUnit()));
                to[i] = (float)(radius * Math.Cos(2 * Math.PI * _random.NextUnit()));
            }
        }
    }
}
