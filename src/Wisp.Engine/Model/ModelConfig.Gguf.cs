namespace Wisp.Model;

/// <summary>Reading the configuration from a model's metadata.</summary>
public sealed partial record ModelConfig
{
    /// <summary>The configuration that a file's metadata and tensors state.</summary>
    /// <exception cref="InvalidDataException">Something is missing, out of range or not supported.</exception>
    public static ModelConfig Read(Gguf gguf)
    {
        var architecture = Architecture.Named(gguf.GetString("general.architecture"), gguf.Path);
        var a = architecture.Name;
        var embedding = gguf.Tensor("token_embd.weight");
        if (embedding.Shape.Count != 2 || embedding.Shape[1] > int.MaxValue)
            throw new InvalidDataException(
                $"{gguf.Path}: tensor {embedding.Name} is ({string.Join(", ", embedding.Shape)}), expected a matrix.");
        int heads = Int($"{a}.attention.head_count"), width = Int($"{a}.embedding_length"),
            layers = Int($"{a}.block_count"), context = Int($"{a}.context_length");
        var headDim = Optional($"{a}.attention.key_length", width / Math.Max(1, heads));
        var valueLength = Optional($"{a}.attention.value_length", headDim);
        if (valueLength != headDim)
            throw Unsupported($"heads of {headDim} keys and {valueLength} values are");
        if (gguf.TryGetUInt($"{a}.expert_gating_func", out var gating) && gating != 1)
            throw Unsupported($"expert gating function {gating} is");
        if (gguf.TryGetFloat($"{a}.attention.clamp_kqv", out var clamp) && clamp > 0)
            throw Unsupported("clamped queries, keys and values are");
        if (gguf.TryGetFloat($"{a}.attention.max_alibi_bias", out var alibi) && alibi > 0)
            throw Unsupported("ALiBi positions are");
        var rotated = Optional($"{a}.rope.dimension_count", headDim);
        var experts = Optional($"{a}.expert_count", 0);
        var epsilon = architecture.LayerNorm ? "layer_norm_epsilon" : "layer_norm_rms_epsilon";
        try
        {
            return new ModelConfig
            {
                Architecture = architecture,
                Vocabulary = (int)embedding.Shape[1],
                Context = context,
                Width = width,
                Layers = layers,
                Heads = heads,
                KvHeads = Optional($"{a}.attention.head_count_kv", heads),
                HeadDim = headDim,
                RotatedDim = architecture.Rope is null ? 0 : rotated == headDim ? WholeHead : rotated,
                FeedForward = experts > 0
                    ? Optional($"{a}.expert_feed_forward_length", Optional($"{a}.feed_forward_length", 0))
                    : Int($"{a}.feed_forward_length"),
                TiedHead = !gguf.TryTensor("output.weight", out _),
                RopeTheta = Float($"{a}.rope.freq_base", 10_000f),
                RopeScaling = Scaling(),
                NormEpsilon = gguf.GetFloat($"{a}.attention.{epsilon}"),
                AttentionScale = layers == architecture.LayersOfWidthScale
                    ? MathF.Sqrt((float)heads / width) : Float($"{a}.attention.scale", 0),
                AttentionSoftcap = Float($"{a}.attn_logit_softcapping", architecture.AttentionSoftcap),
                LogitSoftcap = Float($"{a}.final_logit_softcapping", architecture.LogitSoftcap),
                Window = Optional($"{a}.attention.sliding_window", architecture.Window),
                Experts = experts,
                ExpertsUsed = experts > 0 ? Int($"{a}.expert_used_count") : 0,
            }.Validated();
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{gguf.Path}: {e.Message}", e);
        }

        RopeScaling Scaling()
        {
            var kind = gguf.TryGetString($"{a}.rope.scaling.type", out var type) ? type : "linear";
            if (kind is not ("none" or "linear" or "yarn" or "longrope"))
                throw Unsupported($"RoPE scaling '{OneLine.Of(kind)}' (not none, linear, yarn or longrope) is");
            var factor = Float($"{a}.rope.scaling.factor", Float($"{a}.rope.scale_linear", 1));
            return new RopeScaling(
                kind == "none" || factor == 0 ? 1 : factor,
                Optional($"{a}.rope.scaling.original_context_length", kind == "yarn" ? context : 0))
            {
                Yarn = kind == "yarn",
                Magnitude = Float($"{a}.rope.scaling.attn_factor", 1),
                BetaFast = Float($"{a}.rope.scaling.yarn_beta_fast", 32),
                BetaSlow = Float($"{a}.rope.scaling.yarn_beta_slow", 1),
            };
        }

        int Int(string key)
        {
            var value = gguf.GetUInt(key);
            return value <= int.MaxValue
                ? (int)value
                : throw new InvalidDataException($"{gguf.Path}: {key} is {value}, which no model has.");
        }

        int Optional(string key, int otherwise) => gguf.Has(key) ? Int(key) : otherwise;

        float Float(string key, float otherwise) => gguf.TryGetFloat(key, out var value) ? value : otherwise;

        InvalidDataException Unsupported(string what) => new($"{gguf.Path}: {what} not supported for {a}.");
    }
}
