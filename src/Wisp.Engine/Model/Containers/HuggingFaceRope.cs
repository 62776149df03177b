using System.Text.Json;

namespace Wisp.Model.Containers;

/// <summary>
/// RoPE of a config.json and of GGUF. What one side says with parameters the other may store as a tensor of divisors:
/// Llama 3's frequencies become rope_freqs.weight, Phi-3's LongRoPE rope_factors_long.weight and _short.weight.
/// </summary>
/// <remarks>
/// Facts: llama3, yarn and longrope as in transformers' modeling_rope_utils; keys and tensors as in llama.cpp's
/// converter. YaRN's attention_factor is the whole factor there (by default 0.1·ln s + 1), in llama.cpp
/// rope.scaling.attn_factor multiplies that default. LongRoPE's, on either side, is √(1 + ln s / ln n) for a context s
/// times as long as the n it was first trained for; the file stores the result.
/// </remarks>
internal static class HuggingFaceRope
{
    public const string Frequencies = "rope_freqs.weight", Long = "rope_factors_long.weight",
        Short = "rope_factors_short.weight";

    /// <summary>Adds the keys, and returns the tensors that stand for the rest.</summary>
    public static List<(string Name, float[] Values)> ToGguf(
        HuggingFaceModel model, JsonFile config, GgufWriter writer, int headDim, int context)
    {
        var a = model.Architecture;
        // Since transformers 5 all of RoPE is one object, in Gemma 3 one for each kind of layer.
        var scaling = config.Object("rope_scaling") ?? config.Object("rope_parameters");
        scaling = scaling?.Object("full_attention") ?? scaling;
        var part = config.Number("partial_rotary_factor") ?? scaling?.Number("partial_rotary_factor") ?? 1;
        var rotated = (int)(headDim * part);
        if (part is not (> 0 and <= 1) || rotated % 2 != 0 || rotated == 0)
            throw config.Fault("partial_rotary_factor", $"a part of head_dim ({headDim}) that is an even number");
        var theta = config.Number("rope_theta") ?? scaling?.Number("rope_theta") ?? model.RopeTheta;
        writer.AddUInt($"{a}.rope.dimension_count", rotated).AddFloat($"{a}.rope.freq_base", (float)theta);
        if (scaling is null)
            return [];

        switch (scaling.String("rope_type") ?? scaling.String("type") ?? "default")
        {
            case "default" or "none":
                return [];
            case "linear":
                writer.AddString($"{a}.rope.scaling.type", "linear")
                    .AddFloat($"{a}.rope.scaling.factor", (float)Required("factor"));
                return [];
            case "yarn" when a != "phi3":
                var factor = Required("factor");
                writer.AddString($"{a}.rope.scaling.type", "yarn")
                    .AddFloat($"{a}.rope.scaling.factor", (float)factor)
                    .AddUInt($"{a}.rope.scaling.original_context_length",
                        scaling.Count("original_max_position_embeddings") ?? context);
                if (scaling.Number("attention_factor") is { } attention)
                    writer.AddFloat($"{a}.rope.scaling.attn_factor", (float)(attention / YarnAttention(factor)));
                if (scaling.Number("beta_fast") is { } fast)
                    writer.AddFloat($"{a}.rope.scaling.yarn_beta_fast", (float)fast);
                if (scaling.Number("beta_slow") is { } slow)
                    writer.AddFloat($"{a}.rope.scaling.yarn_beta_slow", (float)slow);
                return [];
            case "llama3":
                return [(Frequencies, Llama3((float)theta, rotated, (float)Required("factor"),
                    (float)(scaling.Number("low_freq_factor") ?? 1), (float)(scaling.Number("high_freq_factor") ?? 4),
                    scaling.Count("original_max_position_embeddings") ?? 8192))];
            case "longrope" or "su" or "yarn":
                return LongRope(a, config, scaling, writer, rotated, context);
            case var other:
                throw new InvalidDataException(
                    $"{config.Path}: RoPE scaling '{OneLine.Of(other)}' is not supported; known are " +
                    "linear, yarn, llama3 and longrope.");
        }

        double Required(string name) => scaling.Number(name) is { } value and > 0
            ? value : throw scaling.Fault(name, "a number above 0");
    }

    /// <summary>Writes the fields of a GGUF model's RoPE.</summary>
    public static void ToConfig(Gguf gguf, HuggingFaceModel model, Utf8JsonWriter json, int headDim, int context)
    {
        var a = model.Architecture;
        if (gguf.TryGetUInt($"{a}.rope.dimension_count", out var rotated) && rotated != headDim)
            json.WriteNumber("partial_rotary_factor", (double)rotated / headDim);
        else
            rotated = (uint)headDim;
        var theta = Optional("freq_base") ?? 10_000;
        json.WriteNumber("rope_theta", theta);
        var type = gguf.TryGetString($"{a}.rope.scaling.type", out var stored) ? stored : "none";
        var freqs = gguf.TryTensor(Frequencies, out var tensor) ? Floats(gguf, tensor, (int)rotated / 2) : null;
        var far = gguf.TryTensor(Long, out tensor) ? Floats(gguf, tensor, (int)rotated / 2) : null;
        var near = gguf.TryTensor(Short, out tensor) ? Floats(gguf, tensor, (int)rotated / 2) : null;
        if (freqs is null && far is null && near is null && type == "none")
            return;

        json.WriteStartObject("rope_scaling");
        if (freqs is not null && Llama3Context(freqs, theta) is > 0 and var first)
        {
            json.WriteString("rope_type", "llama3");
            json.WriteNumber("factor", freqs.Max());
            json.WriteNumber("low_freq_factor", 1);
            json.WriteNumber("high_freq_factor", 4);
            json.WriteNumber("original_max_position_embeddings", first);
        }
        else if (freqs is not null)
        {
            // Any divisors of the frequencies are a LongRoPE with one list.
            json.WriteString("rope_type", "longrope");
            WriteFloats(json, "short_factor", freqs);
            WriteFloats(json, "long_factor", freqs);
            json.WriteNumber("factor", 1);
            json.WriteNumber("attention_factor", 1);
            json.WriteNumber("original_max_position_embeddings", context);
        }
        else if (far is not null && near is not null)
        {
            json.WriteString("rope_type", "longrope");
            json.WriteString("type", "longrope"); // Phi-3's own code reads this one
            WriteFloats(json, "short_factor", near);
            WriteFloats(json, "long_factor", far);
            if (Optional("scaling.attn_factor") is { } attention)
                json.WriteNumber("attention_factor", attention);
        }
        else if (type is "linear" or "yarn")
        {
            var factor = HuggingFaceConfig.Finite(gguf, $"{a}.rope.scaling.factor");
            json.WriteString("rope_type", type);
            json.WriteNumber("factor", factor);
            if (gguf.TryGetUInt($"{a}.rope.scaling.original_context_length", out var original))
                json.WriteNumber("original_max_position_embeddings", original);
            if (type == "yarn" && Optional("scaling.attn_factor") is { } attention)
                json.WriteNumber("attention_factor", attention * YarnAttention(factor));
            if (Optional("scaling.yarn_beta_fast") is { } fast)
                json.WriteNumber("beta_fast", fast);
            if (Optional("scaling.yarn_beta_slow") is { } slow)
                json.WriteNumber("beta_slow", slow);
        }
        else
            throw new InvalidDataException(
                $"{gguf.Path}: RoPE scaling '{OneLine.Of(type)}' is not supported; known are linear, " +
                "yarn, and factors as tensors.");
        json.WriteEndObject();

        float? Optional(string key) => gguf.Has($"{a}.rope.{key}")
            ? HuggingFaceConfig.Finite(gguf, $"{a}.rope.{key}") : null;
    }

    /// <summary>
    /// What divides the frequency of each pair: 1 for wavelengths below n/high, the factor above n/low, and between
    /// them the harmonic mean of both, weighted by where the frequency lies. Computed in float64 and rounded once.
    /// </summary>
    internal static float[] Llama3(float theta, int rotated, float factor, float low, float high, int original)
    {
        var divisors = new float[rotated / 2];
        for (var i = 0; i < divisors.Length; i++)
        {
            var wavelength = 2 * Math.PI * Math.Pow(theta, 2.0 * i / rotated);
            var smooth = (original / wavelength - low) / (high - low);
            divisors[i] = wavelength < original / high ? 1
                : wavelength > original / low ? factor
                : (float)(1 / ((1 - smooth) / factor + smooth));
        }

        return divisors;
    }

    // The context of Llama 3's formula that gives just these divisors, or 0. Every published model has the bounds 1 and
    // 4 and a power of two.
    private static int Llama3Context(float[] divisors, float theta)
    {
        for (var original = 1 << 6; original <= 1 << 20; original *= 2)
            if (Llama3(theta, 2 * divisors.Length, divisors.Max(), 1, 4, original).AsSpan().SequenceEqual(divisors))
                return original;
        return 0;
    }

    private static List<(string, float[])> LongRope(
        string a, JsonFile config, JsonFile scaling, GgufWriter writer, int rotated, int context)
    {
        float[] near = Factors("short_factor"), far = Factors("long_factor");
        var attention = scaling.Number("attention_factor");
        if (a != "phi3")
            // One list and no further factor: plain divisors, which GGUF stores for any architecture.
            return near.AsSpan().SequenceEqual(far) && attention == 1 ? [(Frequencies, near)]
                : throw new InvalidDataException($"{config.Path}: RoPE scaling 'longrope' is known for phi3 only.");

        var original = config.Count("original_max_position_embeddings")
            ?? scaling.Count("original_max_position_embeddings") ?? context;
        var scale = (double)context / Math.Max(1, original);
        attention ??= scale <= 1 ? 1 : Math.Sqrt(1 + Math.Log(scale) / Math.Log(original));
        writer.AddFloat($"{a}.rope.scaling.attn_factor", (float)attention.Value);
        return [(Long, far), (Short, near)];

        float[] Factors(string name) => scaling.Floats(name) is { } found && found.Length == rotated / 2
            ? found : throw scaling.Fault(name, $"{rotated / 2} numbers, one for each pair of dimensions");
    }

    private static double YarnAttention(double factor) => factor <= 1 ? 1 : 0.1 * Math.Log(factor) + 1;

    private static float[] Floats(Gguf gguf, GgufTensor tensor, int expected)
    {
        if (tensor.Elements != expected || expected == 0)
            throw new InvalidDataException($"{gguf.Path}: tensor {tensor.Name} has {tensor.Elements} values, " +
                $"expected {expected}: one for each pair of dimensions.");
        var values = new float[expected];
        gguf.ReadFloats(tensor, values);
        if (!values.All(float.IsFinite))
            throw new InvalidDataException($"{gguf.Path}: tensor {tensor.Name} holds values that are not finite.");
        return values;
    }

    private static void WriteFloats(Utf8JsonWriter json, string name, float[] values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
            json.WriteNumberValue(value);
        json.WriteEndArray();
    }
}
