using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// A model as one GGUF file: configuration, tokenizer and weights. The weights are float32 in memory.
/// </summary>
public sealed class ModelFile : IDisposable
{
    /// <summary>Tensors with this prefix belong to a training checkpoint, not to the model.</summary>
    public const string CheckpointPrefix = "optimizer.";

    private ModelFile(string path, ParameterMap map, Parameters weights, Tokenizer? tokenizer) =>
        (Path, Map, Weights, Tokenizer) = (path, map, weights, tokenizer);

    public string Path { get; }

    public ParameterMap Map { get; }

    public Parameters Weights { get; }

    /// <summary>The tokenizer of the file; null where the file has none.</summary>
    public Tokenizer? Tokenizer { get; }

    public ModelConfig Config => Map.Config;

    public void Dispose() => Weights.Dispose();

    /// <exception cref="InvalidDataException">Damaged, of another architecture, or with tensors of another
    /// shape.</exception>
    public static ModelFile Open(string path)
    {
        using var gguf = Gguf.Open(path);
        var map = MapOf(gguf);
        var tokenizer = ReadTokenizer(gguf);
        if (tokenizer is not null && tokenizer.VocabularySize != map.Config.Vocabulary)
            throw new InvalidDataException(
                $"{path}: the tokenizer has {tokenizer.VocabularySize} tokens and the embedding " +
                $"{map.Config.Vocabulary} rows.");
        var tensors = Match(gguf, map); // before memory for all that the metadata claims is taken
        var weights = new Parameters(map);
        try
        {
            foreach (var (stored, tensor) in tensors)
                gguf.ReadFloats(stored, weights.Of(tensor));
            return new ModelFile(path, map, weights, tokenizer);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    private static ParameterMap MapOf(Gguf gguf)
    {
        try
        {
            return new ParameterMap(ReadConfig(gguf));
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{gguf.Path}: {e.Message}", e);
        }
    }

    /// <summary>The configuration that a file's metadata and tensors state.</summary>
    public static ModelConfig ReadConfig(Gguf gguf)
    {
        var architecture = Architecture.Named(gguf.GetString("general.architecture"), gguf.Path);
        var a = architecture.Name;
        if (gguf.TryGetString($"{a}.rope.scaling.type", out var scaling) && scaling != "none")
            throw new InvalidDataException($"{gguf.Path}: RoPE scaling '{scaling}' is not supported; only unscaled " +
                "RoPE is.");
        if (gguf.TryGetUInt($"{a}.expert_count", out var experts) && experts > 0)
            throw new InvalidDataException($"{gguf.Path}: holds a mixture of {experts} experts; only dense models " +
                "are supported.");

        var embedding = gguf.Tensor("token_embd.weight");
        if (embedding.Shape.Count != 2 || embedding.Shape[1] > int.MaxValue)
            throw new InvalidDataException(
                $"{gguf.Path}: tensor {embedding.Name} is ({string.Join(", ", embedding.Shape)}), expected a matrix.");
        int heads = Int($"{a}.attention.head_count"), width = Int($"{a}.embedding_length");
        var headDim =
            gguf.Has($"{a}.attention.key_length") ? Int($"{a}.attention.key_length") : width / Math.Max(1, heads);
        if (gguf.TryGetUInt($"{a}.attention.value_length", out var valueLength) && valueLength != headDim)
            throw new InvalidDataException($"{gguf.Path}: heads of {headDim} keys and {valueLength} values are not " +
                "supported.");
        if (gguf.TryGetUInt($"{a}.rope.dimension_count", out var rotated) && rotated != headDim)
            throw new InvalidDataException(
                $"{gguf.Path}: rotates {rotated} of {headDim} head dimensions; only RoPE on the whole head is " +
                "supported.");
        try
        {
            return new ModelConfig
            {
                Architecture = architecture,
                Vocabulary = (int)embedding.Shape[1],
                Context = Int($"{a}.context_length"),
                Width = width,
                Layers = Int($"{a}.block_count"),
                Heads = heads,
                KvHeads = gguf.Has($"{a}.attention.head_count_kv") ? Int($"{a}.attention.head_count_kv") : heads,
                HeadDim = headDim,
                FeedForward = Int($"{a}.feed_forward_length"),
                TiedHead = !gguf.TryTensor("output.weight", out _),
                RopeTheta = gguf.TryGetFloat($"{a}.rope.freq_base", out var theta) ? theta : 10_000f,
                NormEpsilon = gguf.GetFloat($"{a}.attention.layer_norm_rms_epsilon"),
            }.Validated();
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{gguf.Path}: {e.Message}", e);
        }

        int Int(string key)
        {
            var value = gguf.GetUInt(key);
            return value <= int.MaxValue
                ? (int)value
                : throw new InvalidDataException($"{gguf.Path}: {key} is {value}, which no model has.");
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

    // llama.cpp's llama_ftype: what most of the tensors are.
    private static uint FileType(DType type) => type switch
    {
        DType.F32 => 0,
        DType.F16 => 1,
        DType.Q8_0 => 7,
        DType.BF16 => 32,
        _ => throw new ArgumentException($"Models are written as F32, F16, BF16 or Q8_0, not {type.Name()}."),
    };
}
