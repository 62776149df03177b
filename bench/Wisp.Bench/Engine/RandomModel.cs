using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Bench.Engine;

/// <summary>
/// A model file of a shape and a type with random weights, kept in a cache folder: it computes at the speed of a real
/// one, and its logits are of a real one's size, so that they can be compared too.
/// </summary>
/// <remarks>
/// Every row is a run of blocks from a random place of a pool of encoded values, normal with a deviation of 1/√columns,
/// which keeps activations at the size of their inputs. All bytes are stored and nearly all rows differ; only the
/// search for the best blocks is spared.
/// </remarks>
internal sealed class RandomModel
{
    // Part of the name in the cache: another recipe makes other files.
    private const int Recipe = 1;
    private const int PoolValues = 1 << 18; // encoded once a type and width

    private readonly List<(string Name, int Rows, int Columns, DType Type)> _matrices = [];
    private readonly List<string> _norms = [];

    public RandomModel(Shape shape, DType type, string cache)
    {
        (Shape, Type) = (shape, type);
        Path = System.IO.Path.Combine(cache, $"{shape.Name}-{type.Name().ToLowerInvariant()}-r{Recipe}.gguf");
        var c = shape.Config;
        int queries = c.Heads * c.HeadDim, keys = c.KvHeads * c.HeadDim;
        Add("token_embd", c.Vocabulary, c.Width);
        for (var l = 0; l < c.Layers; l++)
        {
            _norms.Add($"blk.{l}.attn_norm");
            Add($"blk.{l}.attn_q", queries, c.Width);
            Add($"blk.{l}.attn_k", keys, c.Width);
            Add($"blk.{l}.attn_v", keys, c.Width);
            Add($"blk.{l}.attn_output", c.Width, queries);
            _norms.Add($"blk.{l}.ffn_norm");
            Add($"blk.{l}.ffn_gate", c.FeedForward, c.Width);
            Add($"blk.{l}.ffn_up", c.FeedForward, c.Width);
            Add($"blk.{l}.ffn_down", c.Width, c.FeedForward);
        }

        _norms.Add("output_norm");

        void Add(string name, int rows, int columns) =>
            _matrices.Add((name, rows, columns, Shape.Stored(type, columns)));
    }

    public Shape Shape { get; }

    public DType Type { get; }

    public string Path { get; }

    public bool IsThere => File.Exists(Path);

    /// <summary>
    /// Bytes of all weights, which is also what a token reads: the embedding is the head, and read whole as such.
    /// </summary>
    public long Bytes => _matrices.Sum(m => m.Type.BytesOf((long)m.Rows * m.Columns))
        + ((long)_norms.Count * Shape.Config.Width * sizeof(float));

    /// <summary>Writes the file, whole or not at all.</summary>
    /// <exception cref="OperationCanceledException">Nothing is left behind.</exception>
    public void Write(CancellationToken stop)
    {
        var c = Shape.Config;
        var a = c.Architecture.Name;
        // 'no_vocab': token ids alone. llama.cpp takes their number from vocab_size then.
        var writer = new GgufWriter()
            .AddString("general.architecture", a)
            .AddString("general.name", $"random weights in the shape of {Shape.After}")
            .AddString("tokenizer.ggml.model", "no_vocab")
            .AddUInt($"{a}.vocab_size", c.Vocabulary)
            .AddUInt($"{a}.context_length", c.Context)
            .AddUInt($"{a}.embedding_length", c.Width)
            .AddUInt($"{a}.block_count", c.Layers)
            .AddUInt($"{a}.feed_forward_length", c.FeedForward)
            .AddUInt($"{a}.attention.head_count", c.Heads)
            .AddUInt($"{a}.attention.head_count_kv", c.KvHeads)
            .AddUInt($"{a}.rope.dimension_count", c.HeadDim)
            .AddFloat($"{a}.rope.freq_base", c.RopeTheta)
            .AddFloat($"{a}.attention.layer_norm_rms_epsilon", c.NormEpsilon);
        var pools = new Dictionary<(DType, int), byte[]>();
        var seed = 0UL;
        foreach (var (name, rows, columns, type) in _matrices)
        {
            if (!pools.TryGetValue((type, columns), out var pool))
                pools[(type, columns)] = pool = Pool(type, columns);
            var random = new SplitMix64(++seed);
            writer.AddTensor($"{name}.weight", [columns, rows], type,
                s => Rows(s, pool, rows, columns, type, random, stop));
        }

        var ones = new float[c.Width];
        ones.AsSpan().Fill(1f);
        foreach (var name in _norms)
            writer.AddTensor($"{name}.weight", [c.Width], DType.F32, ones);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        writer.Write(Path);
    }

    private static byte[] Pool(DType type, int columns)
    {
        // A row must find room behind any place it may begin at.
        var values = new float[Math.Max(PoolValues, 2 * columns) / type.BlockLength() * type.BlockLength()];
        var random = new SplitMix64((ulong)columns);
        var deviation = 1 / Math.Sqrt(columns);
        for (var i = 0; i < values.Length; i++)
        {
            // Box and Muller 1958; 1 - u is never 0.
            var radius = Math.Sqrt(-2 * Math.Log(1 - random.NextUnit()));
            values[i] = (float)(deviation * radius * Math.Cos(2 * Math.PI * random.NextUnit()));
        }

        var encoded = new byte[type.BytesOf(values.Length)];
        Blocks.Encode(encoded, values, type);
        return encoded;
    }

    private static void Rows(
        Stream s, byte[] pool, int rows, int columns, DType type, SplitMix64 random, CancellationToken stop)
    {
        var bytes = (int)type.BytesOf(columns);
        var places = ((pool.Length - bytes) / type.BlockBytes()) + 1;
        for (var row = 0; row < rows; row++)
        {
            if (row % 256 == 0)
                stop.ThrowIfCancellationRequested();
            s.Write(pool, (int)(random.NextUnit() * places) * type.BlockBytes(), bytes);
        }
    }
}
