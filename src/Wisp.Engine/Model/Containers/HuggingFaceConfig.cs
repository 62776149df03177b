using System.Text.Json;

namespace Wisp.Model.Containers;

/// <summary>The numbers of a model: config.json as GGUF metadata, and back.</summary>
internal static class HuggingFaceConfig
{
    private const int MaxLayers = 1024, MaxExperts = 1024;

    /// <summary>What the names and layouts of tensors depend on.</summary>
    public sealed record Shape(int Layers, int Heads, int KvHeads, int Experts);

    /// <summary>Adds the metadata of a config.json, and returns the tensors that some of it stands for.</summary>
    /// <exception cref="InvalidDataException">A field is missing, of another type, or has a value that GGUF cannot
    /// say.</exception>
    public static (Shape Shape, List<(string Name, float[] Values)> Constants) ToGguf(
        HuggingFaceModel model, JsonFile config, GgufWriter writer)
    {
        var a = model.Architecture;
        var counts = new Dictionary<string, int>();
        foreach (var rule in model.Config)
            if (rule.IsCount)
            {
                if (Count(rule) is { } count)
                    writer.AddUInt($"{a}.{rule.Key}", counts[rule.Key] = count);
            }
            else if ((config.Number(rule.Field) ?? rule.Default) is { } value)
                writer.AddFloat($"{a}.{rule.Key}", (float)value);
            else if (!rule.Optional)
                throw config.Fault(rule.Field, "a number");

        int heads = counts["attention.head_count"], width = counts["embedding_length"];
        int layers = counts["block_count"], experts = counts.GetValueOrDefault("expert_count");
        Require(layers is > 0 and <= MaxLayers, $"has {layers} layers; the range is 1 to {MaxLayers}");
        Require(heads is > 0 and <= 1024, $"has {heads} heads; the range is 1 to 1024");
        Require(experts <= MaxExperts, $"has {experts} experts; at most {MaxExperts} are supported");
        if (!counts.TryGetValue("attention.head_count_kv", out var kvHeads))
            writer.AddUInt($"{a}.attention.head_count_kv", kvHeads = heads);
        Require(kvHeads > 0 && heads % kvHeads == 0, $"has {heads} heads, which {kvHeads} kv heads cannot share");

        var headDim = config.Count("head_dim") ?? model.HeadDim;
        if (headDim > 0)
            writer.AddUInt($"{a}.attention.key_length", headDim).AddUInt($"{a}.attention.value_length", headDim);
        else
            headDim = width / heads;
        Require(headDim is > 0 and <= 1 << 16, $"has heads of {headDim} dimensions");
        Refuse(model, config, layers, headDim, width / heads);
        var constants = model.Rotates
            ? HuggingFaceRope.ToGguf(model, config, writer, headDim, counts["context_length"]) : [];
        return (new Shape(layers, heads, kvHeads, experts), constants);

        int? Count(ConfigRule rule) => (config.Count(rule.Field) ?? (int?)rule.Default) switch
        {
            0 when rule.Key == "attention.head_count_kv" => counts["attention.head_count"],
            0 when rule.Key == "feed_forward_length" => (int)Math.Min(4L * counts["embedding_length"], int.MaxValue),
            null when !rule.Optional => throw config.Fault(rule.Field, "a whole number"),
            var count => count,
        };

        void Require(bool holds, string what)
        {
            if (!holds)
                throw new InvalidDataException($"{config.Path}: {what}.");
        }
    }

    /// <summary>The config.json of a GGUF model.</summary>
    /// <param name="type">As torch calls it: float32, float16, bfloat16.</param>
    public static void ToConfig(Gguf gguf, HuggingFaceModel model, Utf8JsonWriter json, string type)
    {
        var a = model.Architecture;
        json.WriteStartObject();
        json.WriteStartArray("architectures");
        json.WriteStringValue(model.Class);
        json.WriteEndArray();
        json.WriteString("model_type", model.Type);
        json.WriteString("torch_dtype", type);
        foreach (var rule in model.Config)
            if (rule.Key == "vocab_size" && !gguf.Has($"{a}.vocab_size"))
                json.WriteNumber(rule.Field, gguf.Tensor("token_embd.weight").Shape.ElementAtOrDefault(1));
            else if (!gguf.Has($"{a}.{rule.Key}") && (rule.Optional || rule.Default is not null))
                continue; // absence means the same on both sides
            else if (rule.IsCount)
                json.WriteNumber(rule.Field, gguf.GetUInt($"{a}.{rule.Key}"));
            else
                json.WriteNumber(rule.Field, Finite(gguf, $"{a}.{rule.Key}"));

        var shape = ShapeOf(gguf, model);
        int width = (int)gguf.GetUInt($"{a}.embedding_length"), headDim = width / shape.Heads;
        if (gguf.TryGetUInt($"{a}.attention.key_length", out var keys))
        {
            if (gguf.TryGetUInt($"{a}.attention.value_length", out var values) && values != keys)
                throw new InvalidDataException($"{gguf.Path}: heads of {keys} keys and {values} values cannot be " +
                    "written as a Hugging Face folder.");
            headDim = (int)Math.Min(keys, int.MaxValue);
            json.WriteNumber("head_dim", headDim);
        }

        json.WriteString(model.ActivationField, model.Activations[0]);
        json.WriteBoolean("tie_word_embeddings", !gguf.TryTensor("output.weight", out _));
        WriteSpecial(gguf, model, json, shape.Layers, headDim, width / shape.Heads);
        if (model.Rotates)
            HuggingFaceRope.ToConfig(gguf, model, json, headDim,
                (int)Math.Min(gguf.GetUInt($"{a}.context_length"), int.MaxValue));
        HuggingFaceTokens.WriteIds(gguf, json);
        json.WriteEndObject();
    }

    /// <summary>A number that JSON can say.</summary>
    public static float Finite(Gguf gguf, string key) => gguf.GetFloat(key) is var value && float.IsFinite(value)
        ? value : throw new InvalidDataException($"{gguf.Path}: key {key} is {value}, which no model has.");

    public static Shape ShapeOf(Gguf gguf, HuggingFaceModel model)
    {
        var a = model.Architecture;
        var heads = Count("attention.head_count", 1024);
        return new Shape(Count("block_count", MaxLayers), heads,
            gguf.Has($"{a}.attention.head_count_kv") ? Count("attention.head_count_kv", 1024) : heads,
            gguf.Has($"{a}.expert_count") ? Count("expert_count", MaxExperts) : 0);

        int Count(string key, int most) => gguf.GetUInt($"{a}.{key}") is var count && count > 0 && count <= most
            ? (int)count
            : throw new InvalidDataException($"{gguf.Path}: key {a}.{key} is {count}; the range is 1 to {most}.");
    }

    // What llama.cpp fixes in code and transformers leaves to the config: any other value would change the answers.
    private static void Refuse(HuggingFaceModel model, JsonFile config, int layers, int headDim, int share)
    {
        if (config.Object("quantization_config") is { } quantised)
            throw new InvalidDataException($"{config.Path}: the weights are quantised as " +
                $"{OneLine.Of(quantised.String("quant_method") ?? "unknown")}; folders of F32, F16 and BF16 can be " +
                "read.");
        var activation = config.String(model.ActivationField) ?? config.String("hidden_act");
        if (activation is not null && !model.Activations.Contains(activation))
            throw config.Fault(model.ActivationField, $"{model.Activations[0]} for {model.Type}");
        switch (model.Architecture)
        {
            case "gemma2" or "gemma3":
                var scale = QueryScale(model.Architecture, layers, headDim, share);
                if (config.Number("query_pre_attn_scalar") is { } scalar && scalar != scale)
                    throw config.Fault("query_pre_attn_scalar", $"{scale}, since GGUF has no word for another");
                if (model.Architecture == "gemma2")
                    break;
                if ((config.Count("sliding_window_pattern") ?? 6) != 6)
                    throw config.Fault("sliding_window_pattern", "6, since GGUF has no word for another");
                if ((config.Number("rope_local_base_freq") ?? 10_000) != 10_000)
                    throw config.Fault("rope_local_base_freq", "10000, since GGUF has no word for another");
                break;
            case "smollm3":
                if ((config.Count("no_rope_layer_interval") ?? 4) != 4)
                    throw config.Fault("no_rope_layer_interval", "4, since GGUF has no word for another");
                if (config.Floats("no_rope_layers") is { Length: > 0 } rotate &&
                    !rotate.SequenceEqual(Enumerable.Range(1, layers).Select(i => i % 4 == 0 ? 0f : 1f)))
                    throw config.Fault("no_rope_layers", "every fourth layer without RoPE");
                break;
            case "qwen3moe":
                if (config.Bool("norm_topk_prob") == false)
                    throw config.Fault("norm_topk_prob", "true, since GGUF has no word for the other");
                if ((config.Count("decoder_sparse_step") ?? 1) != 1)
                    throw config.Fault("decoder_sparse_step", "1: experts in every layer");
                if (config.Floats("mlp_only_layers") is { Length: > 0 })
                    throw config.Fault("mlp_only_layers", "none: experts in every layer");
                break;
        }
    }

    private static void WriteSpecial(
        Gguf gguf, HuggingFaceModel model, Utf8JsonWriter json, int layers, int headDim, int share)
    {
        var bias = gguf.TryTensor("blk.0.attn_q.bias", out _);
        switch (model.Architecture)
        {
            case "llama" or "smollm3" or "qwen3" or "qwen3moe" or "olmo2":
                json.WriteBoolean("attention_bias", bias);
                if (model.Architecture is "llama" or "smollm3")
                    json.WriteBoolean("mlp_bias", gguf.TryTensor("blk.0.ffn_up.bias", out _));
                break;
            case "starcoder2":
                json.WriteBoolean("use_bias", bias);
                break;
            case "gemma2" or "gemma3":
                json.WriteNumber("query_pre_attn_scalar", QueryScale(model.Architecture, layers, headDim, share));
                break;
        }

        switch (model.Architecture)
        {
            case "gemma3":
                json.WriteNumber("sliding_window_pattern", 6);
                json.WriteNumber("rope_local_base_freq", 10_000);
                break;
            case "smollm3":
                json.WriteNumber("no_rope_layer_interval", 4);
                break;
            case "qwen3moe":
                json.WriteBoolean("norm_topk_prob", true);
                json.WriteNumber("decoder_sparse_step", 1);
                json.WriteStartArray("mlp_only_layers");
                json.WriteEndArray();
                break;
        }
    }

    // Scores are divided by the root of this: of the head's width, but for the 27B models, whose layers tell them, of
    // a head's share of the model's width.
    private static int QueryScale(string architecture, int layers, int headDim, int share) =>
        (architecture, layers) is ("gemma2", 46) or ("gemma3", 62) ? share : headDim;
}
