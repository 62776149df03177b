using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// A model as one GGUF file: configuration, tokenizer and weights.
/// </summary>
public sealed class ModelFile : IDisposable
{
    /// <summary>Tensors with this prefix belong to a training checkpoint, not to the model.</summary>
    public const string CheckpointPrefix = "optimizer.";

    private readonly Gguf _gguf;

    private ModelFile(Gguf gguf, DecoderWeights weights, Tokenizer? tokenizer) =>
        (_gguf, Weights, Tokenizer) = (gguf, weights, tokenizer);

    public string Path => _gguf.Path;

    /// <summary>The file itself: metadata and tensors.</summary>
    public Gguf Source => _gguf;

    /// <summary>As stored, in the map of the file.</summary>
    public DecoderWeights Weights { get; }

    /// <summary>The tokenizer of the file; null where the file has none.</summary>
    public Tokenizer? Tokenizer { get; }

    public ModelConfig Config => Weights.Config;

    public void Dispose() => _gguf.Dispose();

    /// <exception cref="InvalidDataException">Damaged, of another architecture, or with tensors of another
    /// shape.</exception>
    public static ModelFile Open(string path)
    {
        var gguf = Gguf.Open(path);
        try
        {
            var weights = new DecoderWeightsReader(gguf, ModelConfig.Read(gguf)).Read();
            var tokenizer = ReadTokenizer(gguf);
            if (tokenizer is not null && tokenizer.VocabularySize != weights.Config.Vocabulary)
                throw new InvalidDataException(
                    $"{path}: the tokenizer has {tokenizer.VocabularySize} tokens and the embedding " +
                    $"{weights.Config.Vocabulary} rows.");
            return new ModelFile(gguf, weights, tokenizer);
        }
        catch
        {
            gguf.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A packed copy of the matrices, to run fast; afterwards the pages of the file need no memory.
    /// </summary>
    /// <inheritdoc cref="PackedWeights(DecoderWeights, WorkerPool, Action{long, long}, CancellationToken)"/>
    public PackedWeights Pack(
        WorkerPool pool, Action<long, long>? progress = null, CancellationToken cancel = default) =>
        new(Weights, pool, progress, cancel);

    /// <summary>A copy of all weights in float32, to be trained.</summary>
    /// <exception cref="InvalidDataException">The model is of a kind that is not trained.</exception>
    public Parameters ReadParameters()
    {
        ParameterMap map;
        try
        {
            map = new ParameterMap(Config);
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{Path}: {e.Message}", e);
        }

        var tensors = Match(_gguf, map); // before memory for all that the metadata claims is taken
        var parameters = new Parameters(map);
        try
        {
            foreach (var (stored, tensor) in tensors)
                _gguf.ReadFloats(stored, parameters.Of(tensor));
            return parameters;
        }
        catch
        {
            parameters.Dispose();
            throw;
        }
    }

    /// <summary>The tokenizer of a file, or null where the file has none.</summary>
    public static Tokenizer? ReadTokenizer(Gguf gguf) => Tokenizer.Read(gguf);

    // Which tensor of the file is which of the model, all of them there and of the right shape.
    private static List<(GgufTensor Stored, ParameterTensor Tensor)> Match(Gguf gguf, ParameterMap map)
    {
        var pairs = new List<(GgufTensor, ParameterTensor)>();
        var known = map.All.ToDictionary(t => t.Name);
        foreach (var found in gguf.Tensors)
        {
            if (found.Name.StartsWith(CheckpointPrefix, StringComparison.Ordinal))
                continue;
            if (!known.Remove(found.Name, out var tensor))
                throw new InvalidDataException(
                    $"{gguf.Path}: holds tensor {found.Name}, which {map.Config.Architecture.Name} does not use " +
                    "here; " +
                    "this variant of the architecture is not supported.");
            long[] wanted = tensor.IsMatrix ? [tensor.Columns, tensor.Rows] : [tensor.Columns];
            if (!found.Shape.SequenceEqual(wanted))
                throw new InvalidDataException(
                    $"{gguf.Path}: tensor {found.Name} is ({string.Join(", ", found.Shape)}), expected " +
                    $"({string.Join(", ", wanted)}).");
            pairs.Add((found, tensor));
        }

        if (known.Count > 0)
            throw new InvalidDataException($"{gguf.Path}: tensor {known.Keys.First()} is missing ({known.Count} in " +
                "all).");
        return pairs;
    }

    /// <summary>
    /// Begins a file: configuration and tokenizer as llama.cpp reads them, and all weights. Matrices get
    /// <paramref name="type"/>, or F32 where their rows do not fill its blocks; norms are F32 always.
    /// </summary>
    public static GgufWriter Writer(Parameters weights, Tokenizer? tokenizer, DType type, string name)
    {
        var config = weights.Map.Config;
        var a = config.Architecture.Name;
        var writer = new GgufWriter()
            .AddString("general.architecture", a)
            .AddString("general.name", name)
            .AddUInt("general.file_type", FileType(type))
            .AddUInt($"{a}.vocab_size", config.Vocabulary)
            .AddUInt($"{a}.context_length", config.Context)
            .AddUInt($"{a}.embedding_length", config.Width)
            .AddUInt($"{a}.block_count", config.Layers)
            .AddUInt($"{a}.feed_forward_length", config.FeedForward)
            .AddUInt($"{a}.attention.head_count", config.Heads)
            .AddUInt($"{a}.attention.head_count_kv", config.KvHeads)
            .AddUInt($"{a}.attention.key_length", config.HeadDim)
            .AddUInt($"{a}.attention.value_length", config.HeadDim)
            .AddUInt($"{a}.rope.dimension_count", config.HeadDim)
            .AddFloat($"{a}.rope.freq_base", config.RopeTheta)
            .AddFloat($"{a}.attention.layer_norm_rms_epsilon", config.NormEpsilon);
        if (type.IsQuantised())
            writer.AddUInt("general.quantization_version", 2);
        if (tokenizer is not null)
            AddTokenizer(writer, tokenizer);
        foreach (var tensor in weights.Map.All)
        {
            var fits = tensor.IsMatrix && tensor.Columns % type.BlockLength() == 0;
            writer.AddTensor(
                tensor.Name, tensor.IsMatrix ? [tensor.Columns, tensor.Rows] : [tensor.Columns],
                fits ? type : DType.F32,
                (first, values) => weights.Of(tensor).Slice((int)first, values.Length).CopyTo(values));
        }

        return writer;
    }

    /// <summary>Adds a tokenizer's metadata.</summary>
    public static GgufWriter AddTokenizer(GgufWriter writer, Tokenizer tokenizer) => tokenizer.Write(writer);

    // llama.cpp's llama_ftype: what most of the tensors are. The K types have names for mixtures too; these are the
    // pure.
    private static uint FileType(DType type) => type switch
    {
        DType.F32 => 0,
        DType.F16 => 1,
        DType.Q4_0 => 2,
        DType.Q4_1 => 3,
        DType.Q8_0 => 7,
        DType.Q5_0 => 8,
        DType.Q5_1 => 9,
        DType.Q2_K => 10,
        DType.Q3_K => 11,
        DType.Q4_K => 14,
        DType.Q5_K => 16,
        DType.Q6_K => 18,
        DType.IQ4_NL => 25,
        DType.IQ4_XS => 30,
        DType.BF16 => 32,
        _ => throw new ArgumentException(
            $"Models are written as {DTypes.Names(DTypes.CanEncode)}, not {type.Name()}."),
    };
}
