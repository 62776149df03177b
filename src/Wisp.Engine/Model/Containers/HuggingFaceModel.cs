namespace Wisp.Model.Containers;

/// <summary>How a tensor of a Hugging Face folder lies beside its twin in GGUF.</summary>
internal enum TensorLayout
{
    /// <summary>The same bytes.</summary>
    Same,

    /// <summary>
    /// Rows of a head in RoPE halves there (0..D/2, D/2..D), in adjacent pairs in GGUF, which rotates in another way.
    /// </summary>
    QueryPairs, KeyPairs,

    /// <summary>Stored (in, out), as GPT-2's Conv1D multiplies from the right.</summary>
    Transposed,

    /// <summary>A norm that multiplies by 1 + w there; GGUF holds the sum.</summary>
    PlusOne,

    /// <summary>A matrix for each expert there, one stack of all in GGUF.</summary>
    Experts,
}

/// <summary>A pair of names without .weight or .bias; {i} stands for the layer, {e} for the expert.</summary>
internal sealed record TensorRule(string Gguf, string Theirs, TensorLayout Layout = TensorLayout.Same);

/// <summary>A number that both sides store under names of their own.</summary>
/// <param name="Key">Without the architecture in front.</param>
/// <param name="Default">What the absence of the field means to transformers; null where there must be one.</param>
/// <param name="Optional">Left out on both sides where it is absent.</param>
internal sealed record ConfigRule(
    string Key, string Field, bool IsCount = true, double? Default = null, bool Optional = false);

/// <summary>
/// A family of transformers models and its GGUF architecture: names and layouts of tensors, names of numbers. A family
/// is a row of this table.
/// </summary>
/// <remarks>
/// The facts: tensor names are the state-dict keys of transformers' modeling files, and of gguf-py's tensor_mapping;
/// GGUF layouts are those of the golden models and of llama.cpp's convert_hf_to_gguf: rows of queries and keys are
/// permuted for the architectures that rotate adjacent pairs (llama, smollm3), Gemma's norms hold 1 + w, GPT-2's
/// Conv1D weights are transposed, experts are stacked.
/// </remarks>
internal sealed record HuggingFaceModel
{
    public required string Architecture { get; init; }

    /// <summary>The field model_type.</summary>
    public required string Type { get; init; }

    /// <summary>The only member of the field architectures.</summary>
    public required string Class { get; init; }

    public required IReadOnlyList<TensorRule> Tensors { get; init; }

    public required IReadOnlyList<ConfigRule> Config { get; init; }

    /// <summary>Field and value of the activation; other names of the same function follow the first.</summary>
    public string ActivationField { get; init; } = "hidden_act";

    public IReadOnlyList<string> Activations { get; init; } = ["silu", "swish"];

    /// <summary>What head_dim is where it is absent; 0 means width / heads.</summary>
    public int HeadDim { get; init; }

    public bool Rotates { get; init; } = true;

    public float RopeTheta { get; init; } = 10_000f;

    /// <summary>The head is the embedding in every model of the family, whatever the folder holds.</summary>
    public bool AlwaysTied { get; init; }

    public static readonly IReadOnlyList<HuggingFaceModel> All =
    [
        new()
        {
            Architecture = "llama", Type = "llama", Class = "LlamaForCausalLM",
            Tensors = Decoder(pairs: true), Config = Numbers(),
        },
        new()
        {
            Architecture = "llama", Type = "mistral", Class = "MistralForCausalLM",
            Tensors = Decoder(pairs: true), Config = Numbers(SlidingWindow),
        },
        new()
        {
            Architecture = "llama", Type = "mixtral", Class = "MixtralForCausalLM",
            Tensors = [.. Attention(pairs: true), .. Experts("block_sparse_moe", "block_sparse_moe.gate",
                ("gate", "w1"), ("up", "w3"), ("down", "w2"))],
            Config = Numbers(SlidingWindow,
                new("expert_count", "num_local_experts"), new("expert_used_count", "num_experts_per_tok")),
        },
        new()
        {
            Architecture = "qwen2", Type = "qwen2", Class = "Qwen2ForCausalLM",
            Tensors = Decoder(), Config = Numbers(),
        },
        new()
        {
            Architecture = "qwen3", Type = "qwen3", Class = "Qwen3ForCausalLM",
            Tensors = [.. Decoder(), .. QkNorms], Config = Numbers(), HeadDim = 128,
        },
        new()
        {
            Architecture = "qwen3moe", Type = "qwen3_moe", Class = "Qwen3MoeForCausalLM",
            Tensors = [.. Attention(), .. QkNorms, .. Experts("mlp", "mlp.gate",
                ("gate", "gate_proj"), ("up", "up_proj"), ("down", "down_proj"))],
            Config = Numbers(new("expert_count", "num_experts"), new("expert_used_count", "num_experts_per_tok"),
                new("expert_feed_forward_length", "moe_intermediate_size")),
        },
        new()
        {
            Architecture = "gemma", Type = "gemma", Class = "GemmaForCausalLM", AlwaysTied = true, HeadDim = 256,
            Tensors = PlusOne(Decoder()), Config = Numbers(),
            ActivationField = "hidden_activation", Activations = ["gelu_pytorch_tanh", "gelu"],
        },
        new()
        {
            Architecture = "gemma2", Type = "gemma2", Class = "Gemma2ForCausalLM", AlwaysTied = true, HeadDim = 256,
            Tensors = PlusOne([.. Embedding, .. Projections(), .. Mlp, .. FourNorms]),
            Config = Numbers(SlidingWindow,
                new("attn_logit_softcapping", "attn_logit_softcapping", IsCount: false, Optional: true),
                new("final_logit_softcapping", "final_logit_softcapping", IsCount: false, Optional: true)),
            ActivationField = "hidden_activation", Activations = ["gelu_pytorch_tanh", "gelu"],
        },
        new()
        {
            Architecture = "gemma3", Type = "gemma3_text", Class = "Gemma3ForCausalLM", AlwaysTied = true,
            HeadDim = 256, RopeTheta = 1e6f,
            Tensors = PlusOne([.. Embedding, .. Projections(), .. QkNorms, .. Mlp, .. FourNorms]),
            Config = Gemma3Numbers,
            ActivationField = "hidden_activation", Activations = ["gelu_pytorch_tanh", "gelu"],
        },
        new()
        {
            Architecture = "phi3", Type = "phi3", Class = "Phi3ForCausalLM",
            Tensors = [.. Embedding, .. TwoNorms,
                new("blk.{i}.attn_qkv", "model.layers.{i}.self_attn.qkv_proj"),
                new("blk.{i}.attn_output", "model.layers.{i}.self_attn.o_proj"),
                new("blk.{i}.ffn_up", "model.layers.{i}.mlp.gate_up_proj"),
                new("blk.{i}.ffn_down", "model.layers.{i}.mlp.down_proj")],
            Config = Numbers(SlidingWindow, new("rope.scaling.original_context_length",
                "original_max_position_embeddings", Optional: true)),
        },
        new()
        {
            Architecture = "gpt2", Type = "gpt2", Class = "GPT2LMHeadModel", Rotates = false,
            Tensors = Gpt2Tensors, Config = Gpt2Numbers,
            ActivationField = "activation_function", Activations = ["gelu_new", "gelu_pytorch_tanh"],
        },
        new()
        {
            Architecture = "olmo2", Type = "olmo2", Class = "Olmo2ForCausalLM",
            Tensors = [.. Embedding, .. Projections(), .. QkNorms, .. Mlp,
                new("blk.{i}.post_attention_norm", "model.layers.{i}.post_attention_layernorm"),
                new("blk.{i}.post_ffw_norm", "model.layers.{i}.post_feedforward_layernorm")],
            Config = Numbers(),
        },
        new()
        {
            Architecture = "smollm3", Type = "smollm3", Class = "SmolLM3ForCausalLM",
            Tensors = Decoder(pairs: true), Config = Numbers(),
        },
        new()
        {
            Architecture = "starcoder2", Type = "starcoder2", Class = "Starcoder2ForCausalLM",
            Tensors = [.. Attention(),
                new("blk.{i}.ffn_up", "model.layers.{i}.mlp.c_fc"),
                new("blk.{i}.ffn_down", "model.layers.{i}.mlp.c_proj")],
            Config = [.. Sizes, new("attention.layer_norm_epsilon", "norm_epsilon", IsCount: false, Default: 1e-5)],
            Activations = ["gelu_pytorch_tanh"],
        },
    ];

    /// <exception cref="InvalidDataException">No such family; the message lists the known ones.</exception>
    public static HuggingFaceModel OfType(string type, string where) =>
        All.FirstOrDefault(m => m.Type == type) ?? throw new InvalidDataException(
            $"{where}: model_type '{OneLine.Of(type)}' is not supported; known are " +
            $"{string.Join(", ", All.Select(m => m.Type))}.");

    /// <summary>The family that a GGUF model is written as.</summary>
    public static HuggingFaceModel OfGguf(Gguf gguf)
    {
        var name = gguf.GetString("general.architecture");
        var type = name switch
        {
            // One GGUF architecture, three families: what they add tells them apart.
            "llama" when gguf.TryGetUInt("llama.expert_count", out var experts) && experts > 0 => "mixtral",
            "llama" when gguf.Has("llama.attention.sliding_window") => "mistral",
            "llama" => "llama",
            _ => null,
        };
        return All.FirstOrDefault(m => m.Architecture == name && (type is null || m.Type == type))
            ?? throw new InvalidDataException(
                $"{gguf.Path}: architecture '{OneLine.Of(name)}' cannot be written as a Hugging " +
                $"Face folder; known are {string.Join(", ", All.Select(m => m.Architecture).Distinct())}.");
    }

    private static ConfigRule SlidingWindow => new("attention.sliding_window", "sliding_window", Optional: true);

    private static ConfigRule[] Sizes =>
    [
        new("vocab_size", "vocab_size"),
        new("context_length", "max_position_embeddings"),
        new("embedding_length", "hidden_size"),
        new("block_count", "num_hidden_layers"),
        new("feed_forward_length", "intermediate_size"),
        new("attention.head_count", "num_attention_heads"),
        new("attention.head_count_kv", "num_key_value_heads", Default: 0), // 0: as many as query heads
    ];

    private static ConfigRule[] Numbers(params ReadOnlySpan<ConfigRule> more) =>
    [
        .. Sizes, new("attention.layer_norm_rms_epsilon", "rms_norm_eps", IsCount: false, Default: 1e-6), .. more,
    ];

    // The config of a small Gemma 3 leaves out whatever is as in Gemma3TextConfig.
    private static ConfigRule[] Gemma3Numbers =>
    [
        new("vocab_size", "vocab_size", Default: 262_208),
        new("context_length", "max_position_embeddings", Default: 131_072),
        new("embedding_length", "hidden_size", Default: 2304),
        new("block_count", "num_hidden_layers", Default: 26),
        new("feed_forward_length", "intermediate_size", Default: 9216),
        new("attention.head_count", "num_attention_heads", Default: 8),
        new("attention.head_count_kv", "num_key_value_heads", Default: 4),
        new("attention.layer_norm_rms_epsilon", "rms_norm_eps", IsCount: false, Default: 1e-6),
        new("attention.sliding_window", "sliding_window", Default: 4096),
    ];

    private static ConfigRule[] Gpt2Numbers =>
    [
        new("vocab_size", "vocab_size"),
        new("context_length", "n_positions"),
        new("embedding_length", "n_embd"),
        new("block_count", "n_layer"),
        new("feed_forward_length", "n_inner", Default: 0), // 0: four times the width
        new("attention.head_count", "n_head"),
        new("attention.layer_norm_epsilon", "layer_norm_epsilon", IsCount: false, Default: 1e-5),
    ];

    private static TensorRule[] Embedding =>
    [
        new("token_embd", "model.embed_tokens"),
        new("output_norm", "model.norm"),
        new("output", "lm_head"),
    ];

    private static TensorRule[] TwoNorms =>
    [
        new("blk.{i}.attn_norm", "model.layers.{i}.input_layernorm"),
        new("blk.{i}.ffn_norm", "model.layers.{i}.post_attention_layernorm"),
    ];

    private static TensorRule[] FourNorms =>
    [
        new("blk.{i}.attn_norm", "model.layers.{i}.input_layernorm"),
        new("blk.{i}.post_attention_norm", "model.layers.{i}.post_attention_layernorm"),
        new("blk.{i}.ffn_norm", "model.layers.{i}.pre_feedforward_layernorm"),
        new("blk.{i}.post_ffw_norm", "model.layers.{i}.post_feedforward_layernorm"),
    ];

    private static TensorRule[] QkNorms =>
    [
        new("blk.{i}.attn_q_norm", "model.layers.{i}.self_attn.q_norm"),
        new("blk.{i}.attn_k_norm", "model.layers.{i}.self_attn.k_norm"),
    ];

    private static TensorRule[] Mlp =>
    [
        new("blk.{i}.ffn_gate", "model.layers.{i}.mlp.gate_proj"),
        new("blk.{i}.ffn_up", "model.layers.{i}.mlp.up_proj"),
        new("blk.{i}.ffn_down", "model.layers.{i}.mlp.down_proj"),
    ];

    private static TensorRule[] Gpt2Tensors =>
    [
        new("token_embd", "transformer.wte"),
        new("position_embd", "transformer.wpe"),
        new("output_norm", "transformer.ln_f"),
        new("output", "lm_head"),
        new("blk.{i}.attn_norm", "transformer.h.{i}.ln_1"),
        new("blk.{i}.attn_qkv", "transformer.h.{i}.attn.c_attn", TensorLayout.Transposed),
        new("blk.{i}.attn_output", "transformer.h.{i}.attn.c_proj", TensorLayout.Transposed),
        new("blk.{i}.ffn_norm", "transformer.h.{i}.ln_2"),
        new("blk.{i}.ffn_up", "transformer.h.{i}.mlp.c_fc", TensorLayout.Transposed),
        new("blk.{i}.ffn_down", "transformer.h.{i}.mlp.c_proj", TensorLayout.Transposed),
    ];

    private static TensorRule[] Projections(bool pairs = false) =>
    [
        new("blk.{i}.attn_q", "model.layers.{i}.self_attn.q_proj",
            pairs ? TensorLayout.QueryPairs : TensorLayout.Same),
        new("blk.{i}.attn_k", "model.layers.{i}.self_attn.k_proj", pairs ? TensorLayout.KeyPairs : TensorLayout.Same),
        new("blk.{i}.attn_v", "model.layers.{i}.self_attn.v_proj"),
        new("blk.{i}.attn_output", "model.layers.{i}.self_attn.o_proj"),
    ];

    private static TensorRule[] Attention(bool pairs = false) => [.. Embedding, .. TwoNorms, .. Projections(pairs)];

    private static TensorRule[] Decoder(bool pairs = false) => [.. Attention(pairs), .. Mlp];

    private static TensorRule[] Experts(
        string at, string router, params ReadOnlySpan<(string Gguf, string Theirs)> names)
    {
        var rules = new List<TensorRule> { new("blk.{i}.ffn_gate_inp", $"model.layers.{{i}}.{router}") };
        foreach (var (gguf, theirs) in names)
            rules.Add(new($"blk.{{i}}.ffn_{gguf}_exps", $"model.layers.{{i}}.{at}.experts.{{e}}.{theirs}",
                TensorLayout.Experts));
        return [.. rules];
    }

    private static TensorRule[] PlusOne(TensorRule[] rules) =>
        [.. rules.Select(r => r.Gguf.EndsWith("_norm", StringComparison.Ordinal)
            ? r with { Layout = TensorLayout.PlusOne } : r)];
}
